"""The part of the configuration that judgement depends on."""

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


def is_srv_name(name: str) -> bool:
    """Whether a name's addresses and ports come from SRV records: `_xmpp._tcp.example.com` (RFC 2782).

    name: as parsed. The service label must contain a letter (RFC 6335, 5.1): names like `_443._tcp...` have
    TLSA records.
    """
    return name[:1] == "_" and _SERVICE.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class Domain:
    """A name to check.

    name: lower case, A-labels (IDNA 2008), no trailing dot.
    ports: what it should serve; () for an SRV name, whose ports come from DNS.
    any_of: whether one of the ports is enough, as for the default ports; otherwise all are required.
    """

    name: str
    ports: tuple[Port, ...] = DEFAULT_PORTS
    any_of: bool = True

    @property
    def is_srv(self) -> bool:
        return is_srv_name(self.name)


class DomainSpec(NamedTuple):
    """A Domain without its name, shared by thousands of names."""

    ports: tuple[Port, ...] = DEFAULT_PORTS
    any_of: bool = True


def spec_of(name: str, default_ports: tuple[Port, ...], own: tuple[Port, ...] = ()) -> DomainSpec:
    """What a domain should serve. own: the ports that were configured for it, if any."""
    if is_srv_name(name):
        return DomainSpec((), any_of=False)
    return DomainSpec(own or default_ports, any_of=not own)


class DomainTable(Mapping[str, Domain]):
    """Domains by name, in order. It stores names and shared specs, and creates a Domain on access.

    A name takes about 40 bytes beside its text. The table equals any mapping with equal items.
    """

    __slots__ = ("_ports", "_specs")

    def __init__(self, specs: Mapping[str, DomainSpec] | None = None) -> None:
        """specs: not copied, so the caller must not change them."""
        self._specs: Mapping[str, DomainSpec] = {} if specs is None else specs
        self._ports: frozenset[Port] | None = None

    @property
    def specs(self) -> Mapping[str, DomainSpec]:
        return self._specs

    @property
    def ports(self) -> frozenset[Port]:
        """Every port that a domain should serve."""
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
        return self._specs.keys()  # a dict's own view, whose set operations run in C

    def __eq__(self, other: object) -> bool:
        if isinstance(other, DomainTable):
            return self._specs == other._specs
        return super().__eq__(other)

    __hash__ = None  # type: ignore[assignment]  # like every mapping

    def __repr__(self) -> str:
        return f"DomainTable({dict(self)!r})" if len(self) <= 10 else f"<DomainTable of {len(self)}>"


def ports_of(domains: Mapping[str, Domain]) -> frozenset[Port]:
    """Every port that a domain should serve."""
    if isinstance(domains, DomainTable):
        return domains.ports
    return frozenset(port for domain in domains.values() for port in domain.ports)


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Findings that the operator accepts until a date. Every field that is set must match.

    interface, domain: globs. until: wall-clock seconds (exclusive).
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
    """What to watch, what to expect, and when to alert.

    interfaces: names or globs. domains: by name. expect: addresses that must be held.
    hold: seconds that a finding must last before it fires, and be gone before it is resolved.
    probe: whether a connect() confirms an orphan (`probe = "confirm"`).
    ports: expected by default, and of names that are not in `domains`.
    names_complete: False if the domains were named on the command line, so that others may lead here.
    left_out: whether the configuration has domains that are not in `domains`.
    configured: the domains in the configuration itself, if files add others; None if all are.
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
        """Every port that a name should serve, except those from SRV records."""
        return self.ports | ports_of(self.domains)

    def narrowed_to(self, domains: Mapping[str, Domain]) -> Policy:
        """The same policy for domains that were named explicitly, in place of the configured ones."""
        return replace(
            self,
            domains=domains,
            ports=self.expected_ports,
            names_complete=False,
            configured=None,
            left_out=self.left_out
            or any(domains.get(name) != domain for name, domain in self.domains.items()),
        )

    def watches(self, interface: str) -> bool:
        return any(fnmatchcase(interface, pattern) for pattern in self.interfaces)

    def acknowledged(self, subject: Subject, wall: float) -> Acknowledgement | None:
        """The first acknowledgement that is in force and matches; None if there is none."""
        for acknowledgement in self.acknowledgements:
            if acknowledgement.matches(subject, wall):
                return acknowledgement
        return None
