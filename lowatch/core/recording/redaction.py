"""A recording without the names and addresses of its host, which is judged the same.

Names, interfaces, units and addresses are mapped, the same one to the same one. A message keeps its plain
words. Any other text is replaced as a whole, unless a table here says what it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from itertools import chain
from typing import Any

from lowatch.core.addresses import Address, Prefix, is_v4, network_of
from lowatch.core.held import Held
from lowatch.core.known import Unknown
from lowatch.core.policy import Acknowledgement, Policy
from lowatch.core.snapshot import Snapshot

from .codec import Leaf, Mapper
from .pseudonyms import Pseudonyms
from .record_codec import codec_of
from .recording import Recording
from .redacted_texts import RedactedTexts

_NAMES = frozenset(
    {
        *(
            "domain",
            "domains",
            "Domain.name",
            "Policy.configured",
            "Policy.learned",
            "SrvRecord.target",
            "RRset.chain",
        ),
        *("Snapshot.unresolved", "Snapshot.over_limit", "Snapshot.unsure", "Surroundings.unserved"),
    }
)
_INTERFACES = frozenset({"interface", "interfaces", "Link.name", "Nic.name", "OtherViewAddress.place"})
_UNITS = frozenset({"unit"})
_MESSAGES = frozenset(
    {
        *("Unknown.reason", "Problem.message", "DomainObservation.undecided", "Snapshot.unread"),
        *("RRset.reason", "RRset.server", "OtherView.reason"),
        "Recording.disagreements",
    }
)
_KEPT = frozenset(
    {
        *(
            "Recording.lowatch",
            "Recording.made_with",
            "Unknown.source",
            "Problem.source",
            "Listener.protocol",
            "Link.kind",
        ),
        *("Held.flags", "Held.special", "Sockets.wildcards", "Acknowledgement.kind"),
    }
)
"""These are words of lowatch, the kernel or a protocol. Without a class, a member of any class is meant."""


_HOSTS = {"Snapshot.host": "host", "Snapshot.netns": "netns"}


def redacted(recording: Recording, key: bytes) -> Recording:
    """The recording with all names and addresses mapped. key: up to 64 bytes, secret, of this recording."""
    pseudonyms = pseudonyms_of(recording, key)
    mapper = _Redactor(pseudonyms)
    codec, nowhere = codec_of(Recording), Leaf("", "")
    explicit = replace(recording, policy=_without_globs(recording))
    codec.map(explicit, mapper, nowhere)  # to know every name before a message that mentions it
    mapped: Recording = codec.map(explicit, mapper, nowhere)
    return replace(mapped, redaction=pseudonyms.identity)


def pseudonyms_of(recording: Recording, key: bytes) -> Pseudonyms:
    """What redacted() maps addresses by. key: as there."""
    return Pseudonyms(key, set(_broadcasting(recording.snapshot)))


def _broadcasting(snapshot: Snapshot) -> Iterator[Prefix]:
    """The IPv4 networks of the host's addresses."""
    held = () if isinstance(snapshot.held, Unknown) else snapshot.held.value
    around = () if isinstance(snapshot.surroundings, Unknown) else snapshot.surroundings.value.elsewhere
    return (one.prefix for one in chain(held, around) if is_v4(one.address))


class _Redactor(Mapper):
    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self._pseudonyms = pseudonyms
        self._texts = RedactedTexts(pseudonyms)

    def address(self, address: Address) -> Address:
        return self._pseudonyms.address(address)

    def prefix(self, prefix: Prefix) -> Prefix:
        return self._pseudonyms.prefix(prefix)

    def text(self, text: str, leaf: Leaf) -> str:  # noqa: PLR0911  # a table of functions would be no shorter
        where, texts = f"{leaf.owner}.{leaf.member}", self._texts
        if not text or where in _KEPT:
            return text
        if where in _MESSAGES or (where == "Snapshot.unresolved" and not leaf.is_key):
            return texts.message(text)
        if not _NAMES.isdisjoint((where, leaf.member)):
            return texts.name(text)
        if not _INTERFACES.isdisjoint((where, leaf.member)):
            return texts.interface(text)
        if leaf.member in _UNITS:
            return texts.unit(text)
        if where == "Held.label":
            return texts.label(text)
        if where == "Held.origin":
            return texts.origin(text)
        return texts.other(text, _HOSTS.get(where, "text"))

    def record(self, record: Any) -> Any:
        """A route is held by the first address of its prefix."""
        if isinstance(record, Held) and record.by == "route":
            return record._replace(address=network_of(record.address, record.prefixlen))
        return record


def _without_globs(recording: Recording) -> Policy:
    """The policy with the names and interfaces themselves, in place of globs that match parts of them."""
    policy, snapshot = recording.policy, recording.snapshot
    interfaces = sorted(_interfaces(snapshot))
    return replace(
        policy,
        interfaces=tuple(one for glob in policy.interfaces for one in _spelled_out(glob, interfaces)),
        acknowledgements=tuple(
            one
            for acknowledgement in policy.acknowledgements
            for one in _acknowledgements(acknowledgement, interfaces, snapshot)
        ),
    )


def _acknowledgements(
    one: Acknowledgement, interfaces: Iterable[str], snapshot: Snapshot
) -> Iterator[Acknowledgement]:
    on = (None,) if one.interface is None else _spelled_out(one.interface, interfaces)
    of = (None,) if one.domain is None else _spelled_out(one.domain, snapshot.domains)
    return (replace(one, interface=interface, domain=domain) for interface in on for domain in of)


def _spelled_out(glob: str, names: Iterable[str]) -> Iterable[str]:
    """The names that a glob matches; the glob itself if it has no wildcard but for whole labels."""
    if not any(character in label for label in glob.split(".") if label != "*" for character in "*?["):
        return (glob,)
    return [name for name in names if fnmatchcase(name, glob)]


def _interfaces(snapshot: Snapshot) -> Iterator[str]:
    """Every interface that a finding may name, some more than once."""
    if not isinstance(snapshot.links, Unknown):
        yield from (link.name for link in snapshot.links.value)
    for listed in (snapshot.held, snapshot.prefixes, snapshot.black_holes):
        if not isinstance(listed, Unknown):
            yield from (one.interface for one in listed.value)
    for observed in snapshot.domains.values():
        yield from (local.interface for local in observed.local)
