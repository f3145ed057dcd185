"""Findings: what is wrong, how bad it is, why, and how to fix it."""

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
    """What a finding is about. Two findings with equal subjects are the same finding.

    A field that does not apply is None. prefixlen is set for findings about a whole prefix.
    """

    kind: FindingKind
    interface: str | None = None
    address: Address | None = None
    domain: str | None = None
    port: Port | None = None
    prefixlen: int | None = None

    @property
    def key(self) -> str:
        """The `key` of reports, stable text such as "orphan-vip/lo/192.0.2.10/www.example.com/80/tcp"."""
        address = None if self.address is None else format_address(self.address)
        if address is not None and self.prefixlen is not None:
            address = f"{address}-{self.prefixlen}"  # "/" separates the parts
        parts = (self.kind, self.interface, address, self.domain, self.port)
        return "/".join(str(part) for part in parts if part is not None)


class Action(StrEnum):
    """What a fix does to a host's addresses."""

    REMOVE = "remove"
    """Delete an address or a local route."""
    NARROW = "narrow"
    """Keep an address, but delete the local prefix that came with it."""
    UNROUTE = "unroute"
    """Keep an IPv6 address, but delete the unicast route that came with it."""
    ADD = "add"
    """Add an address."""
    HUSH = "hush"
    """Keep the NICs from doing ARP for an address that they do not hold."""


class Change(NamedTuple):
    """The change that would fix a finding. core/fixes offers it only if it takes nothing else away."""

    action: Action
    held: Held


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong now.

    message: one line that says what is wrong and why it matters, with the evidence.
    fix: alternative commands, which lowatch never runs. Each fixes the finding and takes nothing else away.
    any_of: the ports of which one is enough, including the finding's own. The findings of all these ports
    are one matter to a person, and the first one is announced for all.
    advice: what to do first, or why no command is offered; "" if the commands say everything.
    proposed: the change behind `fix`; None once the judgement is complete, and the change has been checked.
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
        """The subject's key, cached because every audit looks at the same findings again."""
        if not self._key:
            object.__setattr__(self, "_key", self.subject.key)
        return self._key

    @property
    def severity(self) -> Severity:
        return self.subject.kind.severity

    @property
    def keys_of_any(self) -> tuple[str, ...]:
        """The keys of the findings for all ports in `any_of`, in their order; () without such a set."""
        return tuple(self.subject._replace(port=port).key for port in self.any_of)

    def without_fix(self) -> Finding:
        """The same finding for when it cannot be judged any more: its fix may no longer be harmless."""
        return replace(self, fix=(), advice="") if self.fix or self.advice else self


@dataclass(frozen=True, slots=True)
class Undecided:
    """Findings that could not be judged: all whose subject equals the fields that are set here.

    Such a finding is neither raised nor cleared; it keeps its state.
    family: "ipv4" or "ipv6", if no address of that family is known.
    """

    kind: FindingKind
    reason: str
    domain: str | None = None
    address: Address | None = None
    port: Port | None = None
    family: str | None = None
