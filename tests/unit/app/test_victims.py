"""Whose clients are followed, and which of them are counted."""

from __future__ import annotations

from typing import Any

import pytest

from lowatch.app.victims import RefusedAt, Victims
from lowatch.core.addresses import Port, parse_address
from lowatch.core.clock import Now
from lowatch.core.findings import Finding, FindingKind, Subject
from lowatch.core.held import Held
from lowatch.core.known import Known, Unknown
from lowatch.core.lifecycle import FindingState, Tracked
from lowatch.core.listeners import Endpoint, Listener
from lowatch.core.policy import VictimsPolicy
from lowatch.core.programs import FailedProgram, Program
from lowatch.core.snapshot import RefusedPort
from lowatch.core.victims import Refused
from lowatch.wire.closed_client import ClosedClient
from tests.unit.report.audit_worlds import NGINX

VIP, VIP6, OTHER = map(parse_address, ("192.0.2.10", "2001:db8::10", "192.0.2.11"))
HTTP, DNS = Port(80, "tcp"), Port(53, "udp")
AT = Now(1.0, 2.0, 3.0)


class World:
    """The host, the clock and the judgement. followed: what the host was told to follow."""

    def __init__(self) -> None:
        self.followed: list[tuple[set[bytes], set[Port]]] = []
        self.orphans: set[Endpoint] = set()
        self.served: set[Endpoint] = set()
        self.looked_up: list[Endpoint] = []

    flow_routes_may_differ = False

    def listeners(self, endpoints: list[Endpoint]) -> list[Listener | None]:
        self.looked_up += endpoints
        return [NGINX if one in self.served else None for one in endpoints]

    def follow_clients(self, addresses: Any, ports: Any) -> None:
        self.followed.append((set(addresses), set(ports)))

    def now(self) -> Now:
        return AT

    def is_orphan(self, endpoint: Endpoint) -> bool:
        return endpoint in self.orphans


def holding(*addresses: str, interface: str = "lo") -> Known[tuple[Held, ...]]:
    held = []
    for text in addresses:
        address, _, length = text.partition("/")
        by: Any = "route" if length else "address"
        full = 8 * len(parse_address(address))
        held.append(Held(parse_address(address), int(length or full), interface, by))
    return Known(tuple(held))


def following(*addresses: str) -> tuple[World, Victims]:
    world: Any = World()
    victims = Victims(world, world)
    victims.audited(holding(*addresses), frozenset({HTTP, DNS}))
    return world, victims


def client(
    protocol: str = "tcp", port: int = 80, *, address: bytes = VIP, failed: bool | None = True
) -> ClosedClient:
    return ClosedClient(protocol, address, port, 40000, b"a cookie", failed)  # type: ignore[arg-type]


def test_single_addresses_are_followed_and_loopback_is_not() -> None:
    world, _ = following("192.0.2.10", "127.0.0.1", "::1", "2001:db8::10", "10.9.0.0/16", "192.0.2.11/32")
    assert world.followed == [({VIP, VIP6, OTHER}, {DNS})]


def test_the_host_is_told_only_of_changes() -> None:
    world, victims = following("192.0.2.10")
    victims.audited(holding("192.0.2.10"), frozenset({DNS, Port(443, "tcp")}))
    victims.audited(Unknown("netlink", "no"), frozenset({DNS}))
    assert len(world.followed) == 1
    victims.audited(holding("192.0.2.11"), frozenset({DNS}))
    victims.audited(holding("192.0.2.11"), frozenset())
    assert world.followed[1:] == [({OTHER}, {DNS}), ({OTHER}, set())]


def test_it_says_once_that_clients_are_refused_where_no_known_name_leads() -> None:
    world, victims = following("192.0.2.10", "192.0.2.11")
    assert [victims.closed(client(), 1, world) for _ in range(4)] == [False, False, True, False]
    world.orphans = {Endpoint(OTHER, HTTP)}
    assert not any(victims.closed(client(address=OTHER), 1, world) for _ in range(4))
    assert not victims.closed(client(address=b"\x01\2\3\4"), 1, world)


def test_failed_clients_are_counted() -> None:
    world, victims = following("192.0.2.10")
    for one in (client(), client(port=0), client(failed=False), client(failed=None), client(address=OTHER)):
        victims.closed(one, 1, world)
    victims.closed(client(), 4, world)
    assert list(victims) == [
        RefusedAt("lo", Endpoint(VIP, HTTP), Refused(5, AT, AT, estimated=True)),
        RefusedAt("lo", Endpoint(VIP, Port(0, "tcp")), Refused(1, AT, AT)),
    ]


def test_of_udp_those_of_orphans_are_counted() -> None:
    world, victims = following("192.0.2.10")
    victims.closed(client("udp", 53, failed=None), 1, world)
    assert list(victims) == []
    world.orphans.add(Endpoint(VIP, DNS))
    victims.closed(client("udp", 53, failed=None), 1, world)
    assert list(victims) == [RefusedAt("lo", Endpoint(VIP, DNS), Refused(1, AT, AT))]


def test_the_interface_is_that_of_now_and_what_is_gone_is_forgotten() -> None:
    world, victims = following("192.0.2.10", "192.0.2.11")
    for address in (VIP, OTHER):
        victims.closed(client(address=address), 1, world)
    victims.audited(holding("192.0.2.11", interface="dummy0"), frozenset())
    assert [(one.interface, one.endpoint.address) for one in victims] == [("dummy0", OTHER)]


def test_after_a_loss_the_counts_are_estimates() -> None:
    world, victims = following("192.0.2.10")
    victims.closed(client(), 1, world)
    victims.lost()
    assert [one.refused.estimated for one in victims] == [True]


def finding(kind: FindingKind, address: bytes, port: Port | None, *any_of: Port) -> Tracked:
    subject = Subject(kind, "lo", address, "www.example.com", port)  # type: ignore[arg-type]
    return Tracked(Finding(subject, "why", any_of=any_of), FindingState.FIRING, 1.0, 1.0)


WWW = "www.example.com"
HTTPS, UNKNOWN = Port(443, "tcp"), Port(0, "tcp")


@pytest.mark.parametrize(
    ("tracked", "count"),
    [
        (finding(FindingKind.ORPHAN_VIP, VIP, HTTP), 3 + 1),
        (finding(FindingKind.ORPHAN_VIP, VIP, HTTP, HTTP, HTTPS), 3 + 2 + 1),
        (finding(FindingKind.FILTERED_VIP, VIP, HTTPS), 2 + 1),
        (finding(FindingKind.BACKLOGGED_VIP, VIP, Port(8080, "tcp")), 1),
        (finding(FindingKind.ORPHAN_VIP, VIP, DNS), 5),
        (finding(FindingKind.ORPHAN_VIP, VIP, Port(443, "udp")), None),
        (finding(FindingKind.CAPTURED_VIP, VIP, HTTP), None),
        (finding(FindingKind.IDLE_VIP, VIP, None), None),
        (finding(FindingKind.ORPHAN_VIP, OTHER, HTTP), None),
    ],
)
def test_whom_a_finding_has_hurt(tracked: Tracked, count: int | None) -> None:
    """Clients of an unknown port count for each TCP port. The same object where there are none."""
    world, victims = following("192.0.2.10")
    world.orphans.add(Endpoint(VIP, DNS))
    for port, times in ((HTTP, 3), (HTTPS, 2), (UNKNOWN, 1), (DNS, 5)):
        failed = None if port is DNS else True
        for _ in range(times):
            victims.closed(client(port.protocol, port.number, failed=failed), 1, world)
    shown = victims.of(tracked)
    if count is None:
        assert shown is tracked
    else:
        assert shown.hurt is not None
        assert (shown.hurt.refused.count, shown.hurt.now) == (count, AT.wall)
        assert shown == tracked, "it is the same finding"


def test_when_a_finding_is_over_the_next_begins_at_nought() -> None:
    world, victims = following("192.0.2.10")
    over = finding(FindingKind.ORPHAN_VIP, VIP, HTTP)
    for port in (HTTP, UNKNOWN, HTTPS):
        victims.closed(client(port=port.number), 1, world)
    changes = victims.changes
    victims.ended([over.finding, finding(FindingKind.ORPHAN_VIP, OTHER, HTTP).finding])
    assert victims.changes > changes
    assert victims.of(over) is over
    assert victims.of(finding(FindingKind.ORPHAN_VIP, VIP, HTTPS)).hurt is not None
    assert [one.refused.total for one in victims] == [1, 1, 1]


def test_a_refused_vip_leaves_its_clients_to_the_orphan_of_a_name_that_was_learned() -> None:
    world, victims = following("192.0.2.10")
    for port in (HTTP, HTTPS):
        victims.closed(client(port=port.number), 1, world)
    orphan = finding(FindingKind.ORPHAN_VIP, VIP, HTTP)
    over = [finding(FindingKind.REFUSED_VIP, VIP, port).finding for port in (HTTP, HTTPS)]
    victims.ended(over, [orphan])
    assert victims.of(orphan).hurt is not None
    assert victims.of(finding(FindingKind.ORPHAN_VIP, VIP, HTTPS)).hurt is None


def test_what_is_refused_often_is_news_once_and_its_listener_is_looked_up() -> None:
    world, victims = following("192.0.2.10")
    for _ in range(3):
        assert not victims.has_news
        victims.closed(client(), 1, world)
        victims.closed(client(port=443), 1, world)
        victims.closed(client(port=0), 1, world)
    assert victims.has_news
    world.served.add(Endpoint(VIP, HTTPS))
    assert victims.often(holding("192.0.2.10")) == (
        RefusedPort(VIP, "lo", UNKNOWN, None),
        RefusedPort(VIP, "lo", HTTP, None),
        RefusedPort(VIP, "lo", HTTPS, NGINX),
    )
    assert not victims.has_news
    assert world.looked_up == [Endpoint(VIP, HTTP), Endpoint(VIP, HTTPS)]


def test_by_another_policy_less_is_often() -> None:
    world, victims = following("192.0.2.10")
    victims.closed(client(), 1, world)
    assert victims.often(holding("192.0.2.10")) == ()
    victims.replace_policy(VictimsPolicy(at_least=1))
    assert [one.port for one in victims.often(holding("192.0.2.10"))] == [HTTP]
    victims.audited(holding("192.0.2.11"), frozenset())
    assert victims.often(holding("192.0.2.11")) == ()


def test_what_was_refused_often_before_a_restart_still_is_at_the_first_audit() -> None:
    world: Any = World()
    victims = Victims(world, world)
    subjects = [
        Subject(FindingKind.REFUSED_VIP, "lo", VIP, port=HTTP),
        Subject(FindingKind.REFUSED_VIP, "lo", OTHER),
        Subject(FindingKind.ORPHAN_VIP, "lo", VIP, WWW, HTTPS),
        Subject(FindingKind.REFUSED_VIP, "lo", VIP6, port=HTTP),
    ]
    victims.remember(subjects)
    assert victims.often(holding("192.0.2.10", "192.0.2.11")) == (
        RefusedPort(VIP, "lo", HTTP),
        RefusedPort(OTHER, "lo", UNKNOWN),
    )
    assert not victims.has_news


CURL = Program("curl", 4711, "backup.service")


def test_whose_they_were_is_counted_too_and_ends_with_their_finding() -> None:
    world, victims = following("192.0.2.10")
    orphans: Any = world
    victims.closed(client(), 1, orphans, CURL)
    victims.closed(client(), 16, orphans, CURL)
    victims.closed(client(), 1, orphans)
    victims.closed(client(failed=False), 1, orphans, CURL)
    [(_, _, refused)] = victims
    assert refused.count == 18
    assert refused.programs == (FailedProgram(CURL, 17),)
    victims.ended([Finding(Subject(FindingKind.ORPHAN_VIP, "lo", VIP, "www.example.com", HTTP), "")])
    [(_, _, refused)] = victims
    assert refused.programs == ()


def test_a_listener_is_news_where_clients_were_refused() -> None:
    world, victims = following("192.0.2.10")
    orphans: Any = world
    assert not victims.listener_comes(HTTP)
    victims.closed(client(), 1, orphans)
    assert not victims.has_news
    assert not victims.listener_comes(Port(443, "tcp"))
    assert victims.listener_comes(HTTP)
    assert victims.has_news
