"""What the operator asked for: the part of the configuration that judgement depends on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from .addresses import Address, Port, Prefix, parse_port
from .findings import Subject

DEFAULT_PORTS = (parse_port("80/tcp"), parse_port("443/tcp"))


@dataclass(frozen=True, slots=True)
class Domain:
    """A name to keep checking.

    name: lower case, A-labels (IDNA 2008), no trailing dot.
    ports: what it serves. any_of: one of them will do (the default ports); otherwise each is required.
    unit: the systemd unit that must serve them, or None.
    """

    name: str
    ports: tuple[Port, ...] = DEFAULT_PORTS
    any_of: bool = True
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Findings that are known and accepted until a date. Every field given must match.

    kind: its name; one that no rule judges yet is accepted and matches nothing.
    domain: a glob, matched against the finding's domain. until: wall-clock seconds (exclusive).
    """

    until: float
    reason: str
    kind: str | None = None
    interface: str | None = None
    address: Prefix | None = None
    domain: str | None = None
    port: Port | None = None

    def matches(self, subject: Subject, wall: float) -> bool:
        return (
            wall < self.until
            and self.kind in (None, subject.kind)
            and self.port in (None, subject.port)
            and _glob_matches(self.interface, subject.interface)
            and _glob_matches(self.domain, subject.domain)
            and (
                self.address is None
                or (subject.address is not None and self.address.covers(subject.address))
            )
        )


def _glob_matches(pattern: str | None, text: str | None) -> bool:
    return pattern is None or (text is not None and fnmatchcase(text, pattern))


@dataclass(frozen=True, slots=True)
class Policy:
    """What to watch, what to expect, and when to speak.

    interfaces: names or globs. hold: seconds a finding must last before it fires, and be gone before it
    is resolved. probe: whether a connect() confirms an orphan (`probe = "confirm"`).
    """

    interfaces: tuple[str, ...] = ("lo",)
    domains: Mapping[str, Domain] = field(default_factory=dict)
    expect: tuple[Address, ...] = ()
    hold: float = 30.0
    probe: bool = True
    acknowledgements: tuple[Acknowledgement, ...] = ()

    def watches(self, interface: str) -> bool:
        return any(fnmatchcase(interface, pattern) for pattern in self.interfaces)

    def acknowledged(self, subject: Subject, wall: float) -> Acknowledgement | None:
        """The first acknowledgement in force that matches."""
        for acknowledgement in self.acknowledgements:
            if acknowledgement.matches(subject, wall):
                return acknowledgement
        return None
