"""Every message of an audit decoded twice, as a real kernel sends them."""

from __future__ import annotations

import pytest

from lowatch.core.addresses import parse_address, parse_port
from lowatch.core.limits.kernel import MESSAGES_COMPARED, ROUTES_LISTED
from lowatch.core.listeners import Endpoint
from lowatch.kernel.decoder_check import compare_decoders
from lowatch.wire import fib_rules, inet_diag, links, rtnetlink
from tests.support.netns import Netns

HERE = [
    Endpoint(parse_address("192.0.2.10"), parse_port("80/tcp")),
    Endpoint(parse_address("::ffff:192.0.2.10"), parse_port("81/tcp")),
    Endpoint(parse_address("2001:db8::1"), parse_port("53/udp")),
]


@pytest.fixture
def host(netns: Netns) -> Netns:
    netns.ip("link set lo up")
    netns.batch(
        [
            "addr add 192.0.2.10/32 dev lo label lo:vip",
            "addr add 198.51.100.1/24 dev lo",
            "addr add 2001:db8::1/128 dev lo nodad",
            "route add local 10.9.0.0/16 dev lo proto 66",
            "route add blackhole 10.12.0.0/16",
            "rule add to 10.7.0.0/16 ipproto tcp dport 443 lookup 77",
        ]
    )
    netns.listener("192.0.2.10", 80)
    netns.udp("::", 53)
    return netns


def test_all_agree(host: Netns) -> None:
    comparison, missed = compare_decoders(HERE)
    assert (comparison.differences, missed) == ({}, ())
    assert comparison.compared > 20  # the kernel adds routes of its own, some a moment later


@pytest.mark.parametrize(
    ("what", "kind"),
    [
        ((links, "parse_link"), "RTM_NEWLINK"),
        ((rtnetlink, "parse_address"), "RTM_NEWADDR"),
        ((rtnetlink, "parse_route"), "RTM_NEWROUTE"),
        ((fib_rules, "is_plain_local"), "RTM_NEWRULE"),
        ((inet_diag, "parse_socket"), "SOCK_DIAG"),
    ],
)
def test_each_kind_is_compared(
    host: Netns, monkeypatch: pytest.MonkeyPatch, what: tuple[object, str], kind: str
) -> None:
    monkeypatch.setattr(*what, lambda data, start, end: end - start)  # type: ignore[misc]
    comparison, _ = compare_decoders(HERE)
    assert comparison.differences
    assert {one.partition(":")[0] for one in comparison.differences} == {kind}


def test_what_is_beyond_a_limit_is_told(host: Netns, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ROUTES_LISTED, "value", 0)
    _, missed = compare_decoders(HERE)
    assert missed == ("a dump was not compared: more than 0",)
    monkeypatch.setattr(MESSAGES_COMPARED, "value", 3)
    comparison, missed = compare_decoders(HERE)
    assert comparison.compared == 3
    assert missed[0] == "messages beyond 3 were not compared"
