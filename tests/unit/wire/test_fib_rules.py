"""Policy rules: which first rule lets the address alone decide what is local."""

from __future__ import annotations

import pytest

from lowatch.kernel.request_socket import RequestSocket
from lowatch.wire.fib_rules import dump_rules, is_plain_local
from lowatch.wire.netlink import HEADER, MalformedMessageError
from lowatch.wire.rtnetlink import AF_INET, AF_INET6, RTM_NEWRULE
from tests.support.mutations import mutants
from tests.support.netns import Netns


def rules(family: int) -> list[bytes]:
    """The rules of the present namespace, as the kernel dumps them: in order."""
    route = RequestSocket(0)
    found = [
        datagram.data[span.start : span.end]
        for datagram in route.dump(dump_rules(0, family))
        for span in datagram.spans
        if span.type == RTM_NEWRULE
    ]
    route.close()
    return found


def plain(rule: bytes) -> bool:
    return is_plain_local(rule, 0, len(rule))


@pytest.mark.parametrize(("family", "option"), [(AF_INET, "-4"), (AF_INET6, "-6")])
def test_as_every_host_has_them(netns: Netns, family: int, option: str) -> None:
    first, *others = rules(family)
    assert plain(first)
    assert not any(map(plain, others))
    netns.ip(f"{option} rule add pref 7 lookup local protocol static")
    assert [plain(one) for one in rules(family)[:3]] == [True, True, False]


@pytest.mark.parametrize(("family", "option"), [(AF_INET, "-4"), (AF_INET6, "-6")])
@pytest.mark.parametrize(
    "rule",
    [
        "lookup main",
        "lookup 100",
        "ipproto tcp lookup local",
        "dport 443 lookup local",
        "from ADDRESS lookup local",
        "not to ADDRESS lookup local",
        "iif lo lookup local",
        "oif lo lookup local",
        "fwmark 7 lookup local",
        "uidrange 0-0 lookup local",
        "tos 4 lookup local",
        "lookup local suppress_prefixlength 0",
        "unreachable",
        "goto 32766",
    ],
)
def test_what_looks_at_more(netns: Netns, family: int, option: str, rule: str) -> None:
    selector = rule.replace("ADDRESS", "192.0.2.10" if family == AF_INET else "2001:db8::10")
    netns.ip(f"{option} rule add pref 100 lookup local")
    netns.ip(f"{option} rule del pref 0")
    netns.ip(f"{option} rule add pref 50 {selector}")
    assert not plain(rules(family)[0])


def test_mutated(netns: Netns) -> None:
    """Whatever comes: an answer, or refused."""
    for body in mutants(rules(AF_INET) + rules(AF_INET6), 2_000):
        try:
            assert plain(body) in (True, False)
        except MalformedMessageError:
            assert len(body) < 1000 + HEADER.size
