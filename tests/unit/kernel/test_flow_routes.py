"""What routing does with packets of a local client (compared with connects in tests/netns)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lowatch.core.addresses import parse_address, parse_port
from lowatch.core.held import FlowRoute
from lowatch.core.listeners import Endpoint
from lowatch.core.policy import Policy
from lowatch.kernel.flow_routes import FlowRoutes
from lowatch.kernel.host_tables import HostTables
from lowatch.kernel.input_devices import InputDevices
from lowatch.kernel.request_socket import RequestSocket
from lowatch.kernel.routing import Locality
from tests.support.netns import Netns

HTTP, HTTPS = (Endpoint(parse_address("192.0.2.10"), parse_port(port)) for port in ("80", "443"))
ABSENT = Endpoint(parse_address("203.0.113.1"), parse_port("80"))


@pytest.fixture
def flow_routes(netns: Netns) -> Iterator[FlowRoutes]:
    netns.ip("link set lo up")
    netns.ip("addr add 192.0.2.10/32 dev lo")
    socket = RequestSocket(0)
    input_devices = InputDevices()
    yield FlowRoutes(socket, Locality(socket, HostTables(Policy()), input_devices), input_devices)
    socket.close()


def test_as_every_host_has_its_rules_only_the_address_counts(flow_routes: FlowRoutes) -> None:
    assert not flow_routes.selective()
    assert flow_routes.ask([HTTP, ABSENT]) == [FlowRoute.HERE, FlowRoute.NOWHERE]


def test_a_rule_that_looks_at_the_port_leads_one_port_elsewhere(
    netns: Netns, flow_routes: FlowRoutes
) -> None:
    netns.ip("link add veth0 type veth peer name veth1")
    netns.batch(["link set veth0 up", "link set veth1 up", "addr add 10.0.0.1/24 dev veth0"])
    netns.ip("route add default via 10.0.0.2 table 77")
    netns.batch(
        [
            "rule add pref 100 lookup local",
            "rule del pref 0",
            "rule add pref 50 ipproto tcp dport 443 lookup 77",
        ]
    )
    flow_routes.forget()
    assert flow_routes.selective()
    assert flow_routes.ask([HTTP, HTTPS]) == [FlowRoute.HERE, FlowRoute.ELSEWHERE]
