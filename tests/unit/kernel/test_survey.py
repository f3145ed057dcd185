"""What only an explanation asks the kernel. tests/netns/test_explain.py has the rest."""

from __future__ import annotations

from lowatch.core.addresses import Port, parse_address, parse_prefix
from lowatch.core.explanation import RouteAnswer
from lowatch.core.known import Unknown
from lowatch.core.listeners import Endpoint
from lowatch.kernel.survey import Survey
from tests.support.aio import run_async
from tests.support.netns import Netns

FAR, VIP = parse_address("198.51.100.7"), parse_address("192.0.2.10")
HTTP = Port(80, "tcp")


def survey() -> Survey:
    return Survey({1: "lo"}.get)


def test_no_route_has_no_table(netns: Netns) -> None:
    none = RouteAnswer(False, None, "")
    assert survey().routed(FAR, none) is none


def test_a_route_of_table_main(netns: Netns) -> None:
    netns.dummy("eth0")
    netns.batch(["link set eth0 up", "route add 198.51.100.0/24 dev eth0"])
    route = survey().routed(FAR, RouteAnswer(False, parse_prefix("198.51.100.0/24"), "eth0"))
    assert (route.table, route.rules) == (254, (32766,))


def test_a_local_route_in_two_tables_is_that_of_the_decision(netns: Netns) -> None:
    netns.ip("link set lo up")
    for table in "100", "200":
        netns.ip(f"route add local 192.0.2.10 dev lo table {table}")
    netns.ip("rule add pref 10 lookup 200")
    route = survey().routed(VIP, RouteAnswer(True, parse_prefix("192.0.2.10/32"), "lo"))
    assert (route.table, route.rules) == (200, (10,))


def test_nobody_is_known(netns: Netns) -> None:
    assert survey().neighbours(VIP) == ()


def test_an_interface_without_a_name(netns: Netns) -> None:
    netns.dummy("eth0")
    netns.ip("link set eth0 up arp on")
    netns.ip("neigh add 192.0.2.10 lladdr 02:00:00:00:00:07 dev eth0 nud permanent")
    (one,) = survey().neighbours(VIP)  # type: ignore[misc]
    assert (one.interface[:2], one.link_address, one.state) == ("if", "02:00:00:00:00:07", "permanent")


def test_a_redirect_that_has_ended(netns: Netns) -> None:
    netns.ip("link set lo up")
    found = run_async(survey().redirect(Endpoint(parse_address("127.0.0.1"), HTTP)))
    assert isinstance(found, Unknown)
    assert (found.source, "refused" in found.reason) == ("connect", True)
