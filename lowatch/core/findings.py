"""Findings: what is wrong, how bad it is, why, and how to fix it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple

from .addresses import Address, Port, format_address
from .held import Held
from .last_served import LastServed
from .plan import Plan, Rehearsal


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
    CAPTURED_VIP = "captured-vip"
    BACKLOGGED_VIP = "backlogged-vip"
    FILTERED_VIP = "filtered-vip"
    DUPLICATE_VIP = "duplicate-vip"
    IDLE_VIP = "idle-vip"
    WIDE_PREFIX = "wide-prefix"
    BLACK_HOLE_PREFIX = "black-hole-prefix"
    ARP_LEAK = "arp-leak"
    MISSING_VIP = "missing-vip"
    HOLDER_DOWN = "holder-down"
    SOURCE_VIP = "source-vip"
    VIEWS_DISAGREE = "views-disagree"
    REFUSED_VIP = "refused-vip"

    @property
    def severity(self) -> Severity:
        return _SEVERITIES[self]


_SEVERITIES = {
    FindingKind.ORPHAN_VIP: Severity.CRITICAL,
    FindingKind.CAPTURED_VIP: Severity.WARNING,
    FindingKind.BACKLOGGED_VIP: Severity.WARNING,
    FindingKind.FILTERED_VIP: Severity.WARNING,
    FindingKind.DUPLICATE_VIP: Severity.WARNING,
    FindingKind.IDLE_VIP: Severity.INFO,
    FindingKind.WIDE_PREFIX: Severity.WARNING,
    FindingKind.BLACK_HOLE_PREFIX: Severity.WARNING,
    FindingKind.ARP_LEAK: Severity.WARNING,
    FindingKind.MISSING_VIP: Severity.CRITICAL,
    FindingKind.HOLDER_DOWN: Severity.WARNING,
    FindingKind.SOURCE_VIP: Severity.WARNING,
    FindingKind.VIEWS_DISAGREE: Severity.WARNING,
    FindingKind.REFUSED_VIP: Severity.WARNING,
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
    """What a fix does: the `action` of reports."""

    START = "start"
    """Bring back the service. A start interrupts nothing, unlike a restart."""
    MOVE = "move"
    """Change what a name resolves to. That happens elsewhere, so there is no command."""
    REMOVE = "remove"
    """Delete an address or a local route."""
    NARROW = "narrow"
    """Keep an address, but delete the local prefix that came with it."""
    UNROUTE = "unroute"
    """Keep an IPv6 address, but delete the unicast route that came with it."""
    ADD = "add"
    """Add an address."""
    HUSH = "restrict-arp"
    """Keep the NICs from doing ARP for an address that they do not hold."""
    UP = "up"
    """Set an interface up."""


class Change(NamedTuple):
    """The change that would fix a finding. core/fixes offers it only if it takes nothing else away."""

    action: Action
    held: Held


class Fix(NamedTuple):
    """One way to fix a finding; a person chooses.

    summary: what it does, and when it is the right one; part of a sentence. commands: alternatives, each a
    line for a shell that does all of it; () if there is none. persist: what else to change so that it
    survives a reboot, such as a file and a line; None if unknown. plan: the steps of the one command, if
    it changes addresses or routes. rehearsal: what came of it in a copy of this network; None if it was not
    tried.
    """

    action: Action
    summary: str
    commands: tuple[str, ...] = ()
    persist: str | None = None
    plan: Plan = ()
    rehearsal: Rehearsal | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong now.

    message: one line that says what is wrong and why it matters, with the evidence.
    fix: alternative commands, for a person to run. Each fixes the finding and takes nothing else away.
    If there are `fixes`, these are the commands of the first one that has any.
    any_of: the ports of which one is enough, including the finding's own. The findings of all these ports
    are one matter to a person, and the first one is announced for all.
    advice: what to do first, or why no command is offered; "" if the commands say everything.
    last_served: who served it last, if that is remembered; for an any-of set, any of its ports. The message
    says it too, with the time and not the age, so that it stays the same from audit to audit.
    proposed: the change behind `fix`; None once the judgement is complete, and the change has been checked.
    fixes: what can be done, the best first.
    info: whether it is for information only, whatever the severity of its kind.
    """

    subject: Subject
    message: str
    fix: tuple[str, ...] = ()
    any_of: tuple[Port, ...] = ()
    advice: str = ""
    proposed: Change | None = None
    last_served: LastServed | None = None
    fixes: tuple[Fix, ...] = ()
    info: bool = False
    _key: str = field(default="", init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.fixes:
            object.__setattr__(self, "fix", next((one.commands for one in self.fixes if one.commands), ()))

    @property
    def key(self) -> str:
        """The subject's key, cached because every audit looks at the same findings again."""
        if not self._key:
            object.__setattr__(self, "_key", self.subject.key)
        return self._key

    @property
    def severity(self) -> Severity:
        return Severity.INFO if self.info else self.subject.kind.severity

    @property
    def keys_of_any(self) -> tuple[str, ...]:
        """The keys of the findings for all ports in `any_of`, in their order; () without such a set."""
        return tuple(self.subject._replace(port=port).key for port in self.any_of)

    @property
    def reason(self) -> str:
        """The message without who served it last, which some reports show with its age instead."""
        return self.message.removesuffix(f"; {self.last_served}") if self.last_served else self.message

    def without_fix(self) -> Finding:
        """The same finding for when it cannot be judged any more: its fix may no longer be harmless."""
        if not (self.fix or self.advice or self.fixes):
            return self
        return replace(self, fix=(), advice="", fixes=())

    @property
    def guidance(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Advice and the commands that follow it, in order: once, or for each fix that has commands."""
        runnable = [one for one in self.fixes if one.commands]
        if len(runnable) > 1:
            return tuple((f"{one.summary}:", one.commands) for one in runnable)
        return ((self.advice, self.fix),)


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
