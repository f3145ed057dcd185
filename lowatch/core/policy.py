"""The part of the configuration that judgement depends on."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, KeysView, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import NamedTuple

from .addresses import Address, Port, Prefix, format_address, parse_port
from .findings import Subject
from .name_sources import NameSource

DEFAULT_PORTS = (parse_port("80/tcp"), parse_port("443/tcp"))

_SERVICE = re.compile(r"_[a-z0-9_-]*[a-z][a-z0-9_-]*\._(?:tcp|udp)\..+")


def is_srv_name(name: str) -> bool:
    """Whether a name's addresses and ports come from SRV records: `_xmpp._tcp.example.com` (RFC 2782).

    name: as parsed. The service label must contain a letter (RFC 6335, 5.1): names like `_443._tcp...` have
    TLSA records.
    """
    return name[:1] == "_" and _SERVICE.fullmatch(name) is not None


def is_reverse_name(name: str) -> bool:
    """Whether PTR records of an address may stand there (core/reverse_names.py). name: as parsed."""
    return name.endswith((".in-addr.arpa", ".ip6.arpa"))


@dataclass(frozen=True, slots=True)
class Domain:
    """A name to check.

    name: lower case, A-labels (IDNA 2008), no trailing dot.
    ports: what it should serve; () for an SRV name, whose ports come from DNS.
    any_of: whether one of the ports is enough, as for the default ports; otherwise all are required.
    unit: the systemd unit that must serve them; "" for any.
    guessed: whether only its name was learned, so that its ports are the default ones for want of better.
    from_hosts: whether it is followed because /etc/hosts has it, so that DNS need not.
    """

    name: str
    ports: tuple[Port, ...] = DEFAULT_PORTS
    any_of: bool = True
    unit: str = ""
    guessed: bool = False
    from_hosts: bool = False

    @property
    def is_srv(self) -> bool:
        return is_srv_name(self.name)


class DomainSpec(NamedTuple):
    """A Domain without its name, shared by thousands of names."""

    ports: tuple[Port, ...] = DEFAULT_PORTS
    any_of: bool = True
    unit: str = ""
    guessed: bool = False
    from_hosts: bool = False


def spec_of(
    name: str, default_ports: tuple[Port, ...], own: tuple[Port, ...] = (), unit: str = ""
) -> DomainSpec:
    """What a domain should serve. own, unit: the ports and the unit that were configured, if any."""
    if is_srv_name(name):
        return DomainSpec((), any_of=False, unit=unit)
    return DomainSpec(own or default_ports, any_of=not own, unit=unit)


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

    @property
    def matchers(self) -> dict[str, str]:
        """What must match, by key, as it is configured. A prefix of one address is that address."""
        address = self.address
        if address is not None and address.is_host:
            where: object = format_address(address.address)
        else:
            where = address
        matchers = {
            "kind": self.kind,
            "interface": self.interface,
            "address": where,
            "domain": self.domain,
            "port": self.port,
        }
        return {key: str(value) for key, value in matchers.items() if value is not None}

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
class VictimsPolicy:
    """When refused local clients are a finding: at least so many within so many seconds."""

    at_least: int = 3
    within: float = 600.0


@dataclass(frozen=True, slots=True)
class Policy:
    """What to watch, what to expect, and when to alert.

    interfaces: names or globs. domains: by name. expect: addresses that must be held.
    hold: seconds that a finding must last before it fires, and be gone before it is resolved.
    probe: whether a connect() confirms an orphan (`probe = "confirm"`).
    ports: expected by default, and of names that are not in `domains`.
    names_complete: False if the domains were named on the command line, so that others may lead here.
    left_out: whether the configuration has domains that are not in `domains`.
    victims: when refused local clients are a finding.
    configured: the domains in the configuration itself, if files add others; None if all are.
    learned: the domains that nobody configured, and where they come from. searched: whether domains that
    lead here are found without being configured.
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
    victims: VictimsPolicy = VictimsPolicy()
    learned: Mapping[str, NameSource] = field(default_factory=dict)
    searched: bool = False

    @property
    def expected_ports(self) -> frozenset[Port]:
        """Every port that a name should serve, except those from SRV records."""
        return self.ports | ports_of(self.domains)

    def with_learned(self, specs: Mapping[str, DomainSpec], sources: Mapping[str, NameSource]) -> Policy:
        """The same policy, which follows these names too.

        One that is configured stays what it is. Of one whose ports were guessed, the source stays.
        """
        new = {name: spec for name, spec in specs.items() if self._tells_more(name, spec)}
        if not new:
            return self
        before = self.domains
        known = (
            before.specs
            if isinstance(before, DomainTable)
            else {
                name: DomainSpec(one.ports, one.any_of, one.unit, one.guessed, one.from_hosts)
                for name, one in before.items()
            }
        )
        return replace(
            self,
            domains=DomainTable({**known, **new}),
            learned={**{name: sources[name] for name in new}, **self.learned},
        )

    def _tells_more(self, name: str, spec: DomainSpec) -> bool:
        """Whether what was learned of a name is more than this policy has."""
        return name not in self.domains or not (spec.guessed or self.knows_ports(name))

    def knows_ports(self, name: str) -> bool:
        """Whether a domain's ports were configured, or shown by clients."""
        domain = self.domains.get(name)
        return domain is not None and not domain.guessed

    def narrowed_to(self, domains: Mapping[str, Domain]) -> Policy:
        """The same policy for domains that were named explicitly, in place of the configured ones."""
        return replace(
            self,
            domains=domains,
            ports=self.expected_ports,
            names_complete=False,
            configured=None,
            learned={},
            searched=False,
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
