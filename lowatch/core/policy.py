"""What the operator asked for: the part of the configuration that judgement depends on."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, KeysView, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import NamedTuple

from .addresses import Address, Port, Prefix, parse_port
from .findings import Subject

DEFAULT_PORTS = (parse_port("80/tcp"), parse_port("443/tcp"))

_SERVICE = re.compile(r"_[a-z0-9_-]*[a-z][a-z0-9_-]*\._(?:tcp|udp)\..+")


def is_service_name(name: str) -> bool:
    """Whether its addresses and ports are for SRV records to say: `_xmpp._tcp.example.com` (RFC 2782).

    name: as parsed. A service has a letter (RFC 6335, 5.1): `_443._tcp...` is where TLSA records stand.
    """
    return name[:1] == "_" and _SERVICE.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class Domain:
    """A name to keep checking.

    name: lower case, A-labels (IDNA 2008), no trailing dot.
    ports: what it serves; () for a service name, whose ports come from DNS.
    any_of: one of them will do (the default ports); otherwise each is required.
    """

    name: str
    ports: tuple[Port, ...] = DEFAULT_PORTS
    any_of: bool = True

    @property
    def is_service(self) -> bool:
        return is_service_name(self.name)


class DomainSpec(NamedTuple):
    """What a Domain is beside its name: one of them serves the thousands of names that are alike."""

    ports: tuple[Port, ...] = DEFAULT_PORTS
    any_of: bool = True


def spec_of(name: str, default_ports: tuple[Port, ...], own: tuple[Port, ...] = ()) -> DomainSpec:
    """What a domain is to serve, by what was said of it. own: the ports it was given, if any."""
    if is_service_name(name):
        return DomainSpec((), any_of=False)
    return DomainSpec(own or default_ports, any_of=not own)


class DomainTable(Mapping[str, Domain]):
    """Domains by name, in order. It holds their names and shared specs; each Domain is made when asked for.

    A name costs about 40 octets beside its text. Equal to any mapping with equal items.
    """

    __slots__ = ("_ports", "_specs")

    def __init__(self, specs: Mapping[str, DomainSpec] | None = None) -> None:
        """specs: taken over as they are, for nobody to change."""
        self._specs: Mapping[str, DomainSpec] = {} if specs is None else specs
        self._ports: frozenset[Port] | None = None

    @property
    def specs(self) -> Mapping[str, DomainSpec]:
        return self._specs

    @property
    def ports(self) -> frozenset[Port]:
        """Every port that some domain is to serve."""
        if self._ports is None:
            self._ports = frozenset(port for spec in set(self._specs.values()) for port in spec.ports)
        return self._ports

    def __getitem__(self, name: str) -> Domain:
        return Domain(name, *self._specs[name])

    def __contains__(self, name: object) -> bool:
        return name in self._specs

    def __iter__(self) -> Iterator[str]:
        return iter(self._specs)

    def __len__(self) -> int:
        return len(self._specs)

    def keys(self) -> KeysView[str]:
        return self._specs.keys()  # a dict's own: its set operations run in C

    def __eq__(self, other: object) -> bool:
        if isinstance(other, DomainTable):
            return self._specs == other._specs
        return super().__eq__(other)

    __hash__ = None  # type: ignore[assignment]  # as of every mapping

    def __repr__(self) -> str:
        return f"DomainTable({dict(self)!r})" if len(self) <= 10 else f"<DomainTable of {len(self)}>"


def ports_of(domains: Mapping[str, Domain]) -> frozenset[Port]:
    """Every port that some domain is to serve."""
    if isinstance(domains, DomainTable):
        return domains.ports
    return frozenset(port for domain in domains.values() for port in domain.ports)


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Findings that are known and accepted until a date. Every field given must match.

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
    ports: expected by default, or of a name that is not among the domains. names_complete: False where
    the domains were named on the command line: others may lead here. left_out: whether the configuration
    has domains that are not among these. configured: the domains that the configuration has by itself,
    where files add others; None where it has all of them.
    """

    interfaces: tuple[str, ...] = ("lo",)
    domains: Mapping[str, Domain] = field(default_factory=dict)
    expect: tuple[Address, ...] = ()
    hold: float = 30.0
    probe: bool = True
    acknowledgements: tuple[Acknowledgement, ...] = ()
    ports: frozenset[Port] = frozenset(DEFAULT_PORTS)
    names_complete: bool = True
    left_out: bool = False
    configured: Collection[str] | None = None

    @property
    def expected_ports(self) -> frozenset[Port]:
        """Every port that some name is expected to serve, those of SRV records excepted."""
        return self.ports | ports_of(self.domains)

    def narrowed_to(self, domains: Mapping[str, Domain]) -> Policy:
        """The same for these domains, which somebody named, in place of the configured ones."""
        return replace(
            self,
            domains=domains,
            ports=self.expected_ports,
            names_complete=False,
            configured=None,
            left_out=self.left_out or any(domains.get(name) != one for name, one in self.domains.items()),
        )

    def watches(self, interface: str) -> bool:
        return any(fnmatchcase(interface, pattern) for pattern in self.interfaces)

    def acknowledged(self, subject: Subject, wall: float) -> Acknowledgement | None:
        """The first acknowledgement in force that matches."""
        for acknowledgement in self.acknowledgements:
            if acknowledgement.matches(subject, wall):
                return acknowledgement
        return None
