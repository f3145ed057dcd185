"""Parses domain names as people write them into lower-case A-labels.

The limits on length are from RFC 1035, the characters from RFC 1123 (letters, digits, hyphens) and RFC 8552
(underscores, as in _dmarc), everything beyond ASCII from IDNA 2008 (RFC 5891, with the UTS 46 mapping).
"""

from __future__ import annotations

import ipaddress
import re

LABEL_LENGTH = 63
NAME_LENGTH = 253
"""Characters without the trailing dot, which are 255 octets on the wire (RFC 1035, 2.3.4)."""

_DOTS = re.compile("[.\u3002\uff0e\uff61]")
"""The characters that UTS 46 maps to a full stop."""

_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?")
_GLOB_LABEL = re.compile(r"(?:[a-z0-9_*?-]|\[!?[a-z0-9_-]+\])+")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")

_PLAIN = re.compile(
    r"(?>[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*+"  # atomic: fails at once, without backtracking
    r"[a-z](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
)


def is_plain(text: str) -> bool:
    """Whether a text is a common domain name that needs no conversion: parse_domain(text) == text.

    It takes a sixth of the time of parse_domain(), which matters for 100,000 names. False means "maybe
    not".
    """
    return len(text) <= NAME_LENGTH and _PLAIN.fullmatch(text) is not None


_NOBODY_SERVES = (".local", ".localdomain", ".localhost", ".arpa", ".invalid")
"""Names that resolvers answer by themselves, or that DNS does not have."""


def may_be_followed(name: str) -> bool:
    """Whether a name that nobody configured is worth being followed: a plain one with a dot, of DNS."""
    return "." in name and is_plain(name) and not name.endswith(_NOBODY_SERVES)


def parse_domain(text: str) -> str:
    """The name as lower-case A-labels, without a trailing dot. Raises ValueError with one line."""
    return text if is_plain(text) else normalise(text)


def normalise(text: str) -> str:
    """parse_domain() for names that are not plain, which takes longer."""
    _refuse_other_things(text)
    if "*" in text:
        raise ValueError(f"{text!r} is a wildcard, which cannot be resolved (list each domain)")
    return _join(text, [_encode_label(text, label) for label in _labels(text)])


def parse_domain_glob(text: str) -> str:
    """A glob that matches parsed names: "*.Bücher.example" -> "*.xn--bcher-kva.example"."""
    _refuse_other_things(text)
    return ".".join(_glob_label(text, label) for label in _labels(text))


def _refuse_other_things(text: str) -> None:
    """Raises ValueError for URLs, addresses, and whatever else people write in place of a name."""
    if not text:
        raise ValueError("the name is empty")
    if "://" in text:
        host = re.split(r"[/?#]", text.split("://", 1)[1])[0].rpartition("@")[2]
        hint = f" (write only {host!r})" if host else ""
        raise ValueError(f"{text!r} is a URL, not a domain{hint}")
    if is_address(text):
        raise ValueError(f"{text!r} is an address, not a domain (give the domain that resolves to it)")
    if re.search(r"\s", text):
        raise ValueError(f"{text!r} contains white space")
    if len(text) > NAME_LENGTH + 1:
        raise ValueError(_too_long(text))


def is_address(text: str) -> bool:
    """Whether a text is an IP address, perhaps in brackets or with a scope."""
    if text.count(":") < 2 and not text[-1:].isdigit():
        return False  # most names return here, in a tenth of the time
    try:
        ipaddress.ip_address(text[1:-1] if text[:1] == "[" and text[-1:] == "]" else text)
    except ValueError:
        return False
    return True


def _labels(text: str) -> list[str]:
    labels = _DOTS.split(text)
    if labels[-1] == "" and len(labels) > 1:
        labels.pop()  # the root label
    if "" in labels:
        raise ValueError(f"{text!r} has an empty label (two dots in a row, or one in front)")
    return labels


def _encode_label(name: str, label: str) -> str:
    encoded = label.lower() if label.isascii() else _to_a_label(name, label)
    if not _LABEL.fullmatch(encoded):
        raise ValueError(
            f"{name!r} is not a domain name: the label {label!r} may have letters, digits,"
            " hyphens inside it, and underscores"
        )
    if len(encoded) > LABEL_LENGTH:
        raise ValueError(f"the label {encoded!r} has {len(encoded)} characters (at most {LABEL_LENGTH})")
    return encoded


def _to_a_label(name: str, label: str) -> str:
    import idna  # noqa: PLC0415  # its tables take megabytes, and most hosts never need them

    try:
        return idna.encode(label, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise ValueError(f"{name!r} is not an internationalised name: {error}") from None


def _glob_label(glob: str, label: str) -> str:
    if not any(character in label for character in "*?[]"):
        return _encode_label(glob, label)
    if not _GLOB_LABEL.fullmatch(label.lower()):
        raise ValueError(f"{glob!r} is not a valid glob: {label!r} cannot match any label")
    return label.lower()


def _join(text: str, labels: list[str]) -> str:
    name = ".".join(labels)
    if len(name) > NAME_LENGTH:
        raise ValueError(_too_long(name))
    if _NUMBER.fullmatch(labels[-1]):
        raise ValueError(f"{text!r} ends in a number: neither a domain nor a valid address")
    return name


def _too_long(name: str) -> str:
    shown = name if len(name) <= 40 else f"{name[:40]}..."
    return f"{shown!r} has {len(name)} characters (at most {NAME_LENGTH})"
