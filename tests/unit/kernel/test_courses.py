"""What routing does with packets of a local client (compared with connects in tests/netns)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lowatch.core.addresses import parse_address, parse_port
from lowatch.core.held import Course
from lowatch.core.listeners import Endpoint
from lowatch.kernel.courses import Courses
from lowatch.kernel.request_socket import RequestSocket
from tests.support.netns import Netns

HTTP, HTTPS = (Endpoint(parse_address("192.0.2.10"), parse_port(port)) for port in ("80", "443"))
ABSENT = Endpoint(parse_address("203.0.113.1"), parse_port("80"))


@pytest.fixture
def courses(netns: Netns) -> Iterator[Courses]:
    netns.ip("link set lo up")
    netns.ip("addr add 192.0.2.10/32 dev lo")
    socket = RequestSocket(0)
    yield Courses(socket)
    socket.close()


def test_as_every_host_has_its_rules_only_the_address_counts(courses: Courses) -> None:
    assert not courses.selective()
    assert courses.ask([HTTP, ABSENT]) == [Course.HERE, Course.NOWHERE]


def test_a_rule_that_looks_at_the_port_leads_one_port_elsewhere(netns: Netns, courses: Courses) -> None:
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
    courses.forget()
    assert courses.selective()
    assert courses.ask([HTTP, HTTPS]) == [Course.HERE, Course.ELSEWHERE]
