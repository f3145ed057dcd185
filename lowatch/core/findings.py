"""Findings: what is wrong, how bad it is, why, and what would mend it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple

from .addresses import Address, Port, format_address
from .held import Held


class Severity(StrEnum):
    """Ordered: INFO < WARNING < CRITICAL by `rank`."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        return _RANKS[self]


_RANKS = {Severity.INFO: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}


class FindingKind(StrEnum):
    ORPHAN_VIP = "orphan-vip"
    BACKLOGGED_VIP = "backlogged-vip"
    IDLE_VIP = "idle-vip"
    WIDE_PREFIX = "wide-prefix"
    BLACK_HOLE_PREFIX = "black-hole-prefix"
    ARP_LEAK = "arp-leak"
    MISSING_VIP = "missing-vip"
    HOLDER_DOWN = "holder-down"
    VIEWS_DISAGREE = "views-disagree"

    @property
    def severity(self) -> Severity:
        return _SEVERITIES[self]


_SEVERITIES = {
    FindingKind.ORPHAN_VIP: Severity.CRITICAL,
    FindingKind.BACKLOGGED_VIP: Severity.WARNING,
    FindingKind.IDLE_VIP: Severity.INFO,
    FindingKind.WIDE_PREFIX: Severity.WARNING,
    FindingKind.BLACK_HOLE_PREFIX: Severity.WARNING,
    FindingKind.ARP_LEAK: Severity.WARNING,
    FindingKind.MISSING_VIP: Severity.CRITICAL,
    FindingKind.HOLDER_DOWN: Severity.WARNING,
    FindingKind.VIEWS_DISAGREE: Severity.WARNING,
}


class Subject(NamedTuple):
    """What a finding is about, and so what makes it the same finding tomorrow.

    A field that does not apply is None. `prefix` is set for findings about a whole prefix.
    """

    kind: FindingKind
    interface: str | None = None
    address: Address | None = None
    domain: str | None = None
    port: Port | None = None
    prefixlen: int | None = None

    @property
    def key(self) -> str:
        """The contract's `key`: stable text, e.g. "orphan-vip/lo/192.0.2.10/www.example.com/80/tcp"."""
        address = None if self.address is None else format_address(self.address)
        if address is not None and self.prefixlen is not None:
            address = f"{address}-{self.prefixlen}"  # "/" separates the parts
        parts = (self.kind, self.interface, address, self.domain, self.port)
        return "/".join(str(part) for part in parts if part is not None)


class Action(StrEnum):
    """What a change would do to what is held."""

    REMOVE = "remove"
    """Take away an address, or a local route."""
    NARROW = "narrow"
    """Keep an address, and drop the local prefix that came with it."""
    UNROUTE = "unroute"
    """Keep an IPv6 address, and drop the unicast route that came with it."""
    ADD = "add"
    """Hold an address."""
    HUSH = "hush"
    """Keep the NICs from doing ARP for an address that they do not hold."""


class Change(NamedTuple):
    """What would mend a finding, if it takes nothing else away: fixes.py weighs it."""

    action: Action
    held: Held


@dataclass(frozen=True, slots=True)
class Finding:
    """A subject that is in violation now.

    message: one line that says what is wrong and why it matters, with the evidence.
    fix: commands of which each fixes it by itself and takes nothing else away; never run.
    any_of: the ports of which one would do, its own among them: the findings of all are one thing to a
    person, and the first's is announced for all.
    advice: what to do first, or why no command is offered; "" where the commands say it all.
    proposed: the change that `fix` would make, or makes where it is given; weighed, and None, once the
    judgement is complete.
    """

    subject: Subject
    message: str
    fix: tuple[str, ...] = ()
    any_of: tuple[Port, ...] = ()
    advice: str = ""
    proposed: Change | None = None
    _key: str = field(default="", init=False, repr=False, compare=False)

    @property
    def key(self) -> str:
        """Its subject's, made once: the same finding is looked at again with each audit."""
        if not self._key:
            object.__setattr__(self, "_key", self.subject.key)
        return self._key

    @property
    def severity(self) -> Severity:
        return self.subject.kind.severity

    @property
    def keys_of_any(self) -> tuple[str, ...]:
        """The keys of the findings of its any-of set, in the order of the ports; () where there is none."""
        return tuple(self.subject._replace(port=port).key for port in self.any_of)

    def without_fix(self) -> Finding:
        """The same, for when it cannot be judged any more: what was harmless may not be so now."""
        return replace(self, fix=(), advice="") if self.fix or self.advice else self


@dataclass(frozen=True, slots=True)
class Undecided:
    """Findings that could not be judged: every one whose subject agrees in the fields given here.

    An undecided finding neither appears nor goes away; it stays what it was.
    family: "ipv4" or "ipv6", where no address of it is known.
    """

    kind: FindingKind
    reason: str
    domain: str | None = None
    address: Address | None = None
    port: Port | None = None
    family: str | None = None
