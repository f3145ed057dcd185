"""Other texts in place of names, interfaces, units and messages: the same one for the same one."""

from __future__ import annotations

import re
from collections import defaultdict

from lowatch.core.addresses import format_address, parse_address, parse_prefix

from .pseudonyms import Pseudonyms

_LOCALHOST = frozenset({"localhost", "ip6-localhost", "ip6-loopback"})
"""Names and labels with a meaning of their own (RFC 6761, 6.3)."""
_UNIT_TYPES = frozenset({"service", "socket", "scope", "slice", "mount", "target", "timer", "path"})
_FILES = frozenset({"/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/host.conf"})
_OF_THE_KERNEL = ("/proc/", "/sys/")
_ORIGINS = frozenset(
    {
        *(
            "kernel",
            "boot",
            "static",
            "redirect",
            "ra",
            "link-local",
            "dhcp",
            "keepalived",
            "bird",
            "zebra",
        ),
        *(
            "babel",
            "bgp",
            "dnrouted",
            "eigrp",
            "gated",
            "isis",
            "mrt",
            "ntk",
            "openr",
            "ospf",
            "rip",
            "xorp",
        ),
    }
)
"""Names of the kernel, and of iproute2's rt_protos. Others are given by the host's own files."""
_NUMBERED = re.compile("proto [0-9]{1,3}")
_WORDS = re.compile(r"[^\s,;()'\"\[\]]+")
_PLAIN = re.compile(r"[A-Za-z]+([-_/][A-Za-z]+)*|[0-9]+(/tcp|/udp)?")
_EDGES = ".:!?"
_PORT = re.compile(r":[0-9]{1,5}")


class RedactedTexts:
    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self._pseudonyms = pseudonyms
        self._known: defaultdict[str, dict[str, str]] = defaultdict(dict)

    def other(self, text: str, kind: str) -> str:
        """A text that says its kind only, such as "text7"."""
        known = self._known[kind]
        if text not in known:
            known[text] = f"{kind}{len(known) + 1}"
        return known[text]

    def name(self, name: str) -> str:
        """A domain name with as many labels. `*`, localhost, _tcp and _udp stay."""
        if name in _LOCALHOST:
            return name
        mapped = ".".join(map(self._label, name.split(".")))
        self._known["name"][name] = mapped
        return mapped

    def _label(self, label: str) -> str:
        if label in ("", "*", "localhost", "_tcp", "_udp"):
            return label
        if label.startswith("_"):  # of a service, unless it has no letter (RFC 6335, 5.1)
            return "_" + self.other(label, "s" if any(map(str.isalpha, label)) else "0")
        return self.other(label, "n")

    def interface(self, interface: str) -> str:
        return interface if interface in ("lo", "*") else self.other(interface, "if")

    def label(self, label: str) -> str:
        """An address's label: the interface's name, perhaps with a colon and more."""
        interface, colon, rest = label.partition(":")
        return self.interface(interface) + colon + (self.other(rest, "label") if rest else "")

    def unit(self, unit: str) -> str:
        if unit == "init.scope":
            return unit  # every host has it, and its sockets have no verdict of their own
        _, _, kind = unit.rpartition(".")
        mapped = self.other(unit, "unit")
        if kind in _UNIT_TYPES:
            mapped = self._known["unit"][unit] = f"{mapped.partition('.')[0]}.{kind}"
        return mapped

    def origin(self, origin: str) -> str:
        """Who added an address or a route."""
        is_common = origin in _ORIGINS or _NUMBERED.fullmatch(origin) is not None
        return origin if is_common else self.other(origin, "origin")

    def message(self, message: str) -> str:
        """A message with its plain words. Names and addresses are mapped, all else is left out."""
        return _WORDS.sub(lambda found: self._word(found[0]), message)

    def _word(self, word: str) -> str:
        scheme, separator, rest = word.partition("://")
        if separator and scheme in ("tcp", "tls", "udp"):
            return f"{scheme}://{self._word(rest)}"
        core = word.rstrip(_EDGES) or word
        edge = word[len(core) :]
        known = self._of_known(core)
        if known is not None:
            return known + edge
        if "#" in core:  # tls://192.0.2.53#dns.example.com
            return "#".join(map(self._word, core.split("#"))) + edge
        return self._mapped(core) + edge

    def _of_known(self, word: str) -> str | None:
        for kind in ("name", "host", "netns", "if", "unit"):
            if word in self._known[kind]:
                return self._known[kind][word]
        try:
            if "/" in word:
                return str(self._pseudonyms.prefix(parse_prefix(word)))
            return format_address(self._pseudonyms.address(parse_address(word)))
        except ValueError:
            return None

    def _mapped(self, word: str) -> str:
        port = _PORT.search(word)
        if port is not None and port.end() == len(word):
            return self._word(word[: port.start()]) + port[0]
        is_path = word in _FILES or word.startswith(_OF_THE_KERNEL)
        if is_path or _PLAIN.fullmatch(word) or set(word) <= set(_EDGES):
            return word
        if word.startswith("net.ipv"):  # a sysctl
            return ".".join(self._of_known(part) or part for part in word.split("."))
        if "." in word and "/" not in word:
            return self.name(word.lower())
        return self.other(word, "text")
