"""Counts the local clients of held addresses whose connect failed.

Addresses of loopback itself are left out, where a refused connect is daily life.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, Protocol

from lowatch.core.addresses import Address, Port, is_loopback
from lowatch.core.clock import Clock
from lowatch.core.findings import Finding, FindingKind, Subject
from lowatch.core.held import Held
from lowatch.core.hurt_clients import hurt_ports, with_clients
from lowatch.core.known import Known, Unknown
from lowatch.core.lifecycle import Tracked
from lowatch.core.listeners import Endpoint
from lowatch.core.policy import VictimsPolicy
from lowatch.core.programs import Program
from lowatch.core.refused_often import OftenRefused
from lowatch.core.snapshot import RefusedPort
from lowatch.core.victims import UNKNOWN_PORT, Refused, RefusedConnects
from lowatch.wire.closed_client import ClosedClient

from .ports import Host

_DEFAULTS = VictimsPolicy()


class Orphans(Protocol):
    def is_orphan(self, endpoint: Endpoint) -> bool:
        """Whether nothing serves an endpoint of some domain, by the last audit."""


class RefusedAt(NamedTuple):
    """The failed connects to one endpoint, which an interface holds."""

    interface: str
    endpoint: Endpoint
    refused: Refused


class Victims:
    """Tells the host whose clients to report, and counts them."""

    def __init__(self, host: Host, clock: Clock, policy: VictimsPolicy = _DEFAULTS) -> None:
        self._host = host
        self._clock = clock
        self._counted = RefusedConnects()
        self._often = OftenRefused(policy)
        self.has_news = False
        """Whether often() has something that it had not before."""
        self.changes = 0
        """Grows whenever a count changes: of() may return something else then."""
        self._held: Known[tuple[Held, ...]] | Unknown | None = None
        self._interfaces: Mapping[Address, str] = {}
        self._followed: tuple[Mapping[Address, str], frozenset[Port]] | None = None

    @property
    def interfaces(self) -> Mapping[Address, str]:
        """Which interface holds each address whose clients are counted. Another object if that changes."""
        return self._interfaces

    def audited(self, held: Known[tuple[Held, ...]] | Unknown, ports: frozenset[Port]) -> None:
        """Follow the clients of the addresses that are held now. ports: all that any domain expects."""
        self._hold(held)
        udp = frozenset(port for port in ports if port.protocol == "udp")
        if (self._interfaces, udp) != self._followed:
            self._followed = self._interfaces, udp
            self._counted.keep(self._interfaces)
            self._often.keep(self._interfaces)
            self.changes += 1
            self._host.follow_clients(self._interfaces.keys(), udp)

    def _hold(self, held: Known[tuple[Held, ...]] | Unknown) -> None:
        if held is not self._held:
            self._held = held
            if isinstance(held, Known):
                self._interfaces = interfaces_of(held.value)

    def remember(self, subjects: Iterable[Subject]) -> None:
        """The findings of the last run: what was refused often then was so just now.

        Otherwise each restart would resolve them, and announce them again.
        """
        now = self._clock.now().monotonic
        for one in subjects:
            if one.kind is FindingKind.REFUSED_VIP and one.address is not None:
                self._often.remember(Endpoint(one.address, one.port or UNKNOWN_PORT), now)

    def closed(
        self, client: ClosedClient, weight: int, orphans: Orphans, program: Program | None = None
    ) -> bool:
        """A client closed, and `weight` - 1 more. Served clients of UDP look like those that failed.

        program: whose it was, if it failed and that is known. Returns whether clients are refused there
        again and again only since then, though no known name leads there.
        """
        if client.address not in self._interfaces:
            return False
        is_often = False
        endpoint = Endpoint(client.address, Port(client.port, client.protocol))
        if client.failed or (client.failed is None and orphans.is_orphan(endpoint)):
            now = self._clock.now()
            if self._counted.count(endpoint, now, weight, program):
                is_often = self._often.note(endpoint, now.monotonic)
                self.has_news |= is_often
            self.changes += 1
        return is_often and not orphans.is_orphan(endpoint)

    def listener_comes(self, port: Port) -> bool:
        """Whether something begins to listen where clients were refused, so that often() may change."""
        is_news = self._often.has(port)
        self.has_news |= is_news
        return is_news

    def replace_policy(self, policy: VictimsPolicy) -> None:
        self._often.replace_policy(policy)

    def often(self, held: Known[tuple[Held, ...]] | Unknown) -> tuple[RefusedPort, ...]:
        """Where clients are refused again and again now, and who would serve them. held: the addresses."""
        self._hold(held)
        self.has_news = False
        endpoints = [
            one for one in self._often.often(self._clock.now().monotonic) if one.address in self._interfaces
        ]
        asked = [one for one in endpoints if one.port.number]
        if asked and self._host.flow_routes_may_differ:
            self._host.flow_routes(asked)
        listeners = dict(zip(asked, self._host.listeners(asked), strict=True)) if asked else {}
        return tuple(
            RefusedPort(one.address, self._interfaces[one.address], one.port, listeners.get(one))
            for one in endpoints
        )

    def lost(self) -> None:
        """Clients may have closed that were not reported."""
        self._counted.lost()
        self.changes += 1

    def of(self, tracked: Tracked) -> Tracked:
        """The finding, with its local clients that failed; the same object if there are none."""
        return with_clients(tracked, self._counted, self._clock.now().wall)

    def ended(self, findings: Iterable[Finding], tracked: Iterable[Tracked] = ()) -> None:
        """These findings are over. Other ones about the same address begin at 0.

        tracked: those that go on. A refused-vip leaves its clients to the orphan of a learned name.
        """
        for finding in findings:
            address, ports = finding.subject.address, set(hurt_ports(finding))
            if address is None:
                continue
            if finding.subject.kind is FindingKind.REFUSED_VIP:
                for one in tracked:
                    if one.present and one.finding.subject.address == address:
                        ports.difference_update(hurt_ports(one.finding))
            self._counted.end(address, ports)
            self.changes += 1

    def __iter__(self) -> Iterator[RefusedAt]:
        for endpoint, refused in self._counted:
            interface = self._interfaces.get(endpoint.address)
            if interface is not None:  # held no more: its count is forgotten once the audit is over
                yield RefusedAt(interface, endpoint, refused)


def interfaces_of(held: tuple[Held, ...]) -> dict[Address, str]:
    """Which interface holds each single address. A prefix that a route makes local is none."""
    return {
        one.address: one.interface
        for one in reversed(held)
        if (one.by == "address" or one.prefix.is_host) and not is_loopback(one.address)
    }
