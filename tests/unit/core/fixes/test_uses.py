"""What speaks for an address."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lowatch.core.addresses import parse_address, parse_port, parse_prefix
from lowatch.core.answers import View
from lowatch.core.fixes.uses import Reasons, Uses, UsesMemo
from lowatch.core.judgement import judge
from lowatch.core.known import Known
from lowatch.core.listeners import Connect, Sockets
from lowatch.core.policy import Policy
from lowatch.core.surroundings import Surroundings
from lowatch.core.verdicts import JudgedEndpoint, Verdict
from tests.unit.core.worlds import NGINX, VIP, WWW, domain, local, seen, snapshot, view

NEXT, MAPPED = parse_address("192.0.2.11"), parse_address("::ffff:192.0.2.10")
EXPECTED = Reasons([(MAPPED, "is expected here")])


def judged(verdict: Verdict) -> Reasons:
    return Reasons([(VIP, JudgedEndpoint(WWW, VIP, "lo", parse_port("80"), verdict, None, "", View.DNS))])


def test_the_text_of_a_reason() -> None:
    assert Uses(EXPECTED).of(VIP) == "192.0.2.10 is expected here"
    assert Uses(judged(Verdict.SERVED)).of(VIP) == f"192.0.2.10 also serves {WWW} on 80/tcp"
    assert Uses(judged(Verdict.UNKNOWN)).of(VIP) == f"whether 192.0.2.10 serves {WWW} on 80/tcp is unknown"
    assert "no connect" in Uses(judged(Verdict.ORPHAN)).of(VIP)


def test_the_first_that_speaks_for_an_address_is_told_also_where_it_is_mapped() -> None:
    bound = (VIP, "has a socket bound to it")
    for found in (Uses(Reasons([(MAPPED, "is expected here"), bound])), Uses(EXPECTED, Reasons([bound]))):
        assert found.of(VIP) == "192.0.2.10 is expected here"
        assert found.of(NEXT) == ""


def test_inside_a_prefix_what_stays_local_anyway_does_not_matter() -> None:
    found = Uses(Reasons([(NEXT, "is a nameserver of this host")]), EXPECTED)
    prefix = parse_prefix("192.0.2.0/24")
    assert found.inside(prefix, lambda _: False) == "192.0.2.10 is expected here"
    assert found.inside(prefix, lambda one: one == VIP) == "192.0.2.11 is a nameserver of this host"
    assert found.inside(prefix, lambda _: True) == ""
    assert found.inside(parse_prefix("198.51.100.0/24"), lambda _: False) == ""


def test_what_is_served_or_expected_speaks_for_its_address() -> None:
    taken = snapshot(domains={WWW: view(local(VIP, *seen(("80", NGINX))))})
    policy = Policy(domains={WWW: domain(port_list="80")}, expect=(NEXT,))
    found = UsesMemo().uses(taken, policy, judge(taken, policy).domains, ())
    assert found.of(VIP) == f"192.0.2.10 also serves {WWW} on 80/tcp"
    assert found.of(NEXT) == "192.0.2.11 is expected here"


def test_the_reason_does_not_depend_on_the_order_in_which_domains_were_observed() -> None:
    shop = "shop.example.com"
    served = view(local(VIP, *seen(("80", NGINX))))
    policy = Policy(domains={name: domain(name, port_list="80") for name in (WWW, shop)})
    for order in ((WWW, shop), (shop, WWW)):
        taken = snapshot(domains=dict.fromkeys(order, served))
        found = UsesMemo().uses(taken, policy, judge(taken, policy).domains, ())
        assert found.of(VIP) == f"192.0.2.10 also serves {shop} on 80/tcp"


def test_reasons_that_are_kept_are_found_again_once_anything_has_changed() -> None:
    memo, policy = UsesMemo(), Policy(domains={WWW: domain(port_list="80")}, expect=(NEXT,))
    gone = seen(("80", None, Connect.REFUSED))
    around = Surroundings((), sockets=Sockets(bound=frozenset({VIP})))
    worlds: list[dict[str, Any]] = [
        {"domains": {WWW: view(local(VIP, *seen(("80", NGINX))))}},
        {"domains": {WWW: view(local(VIP, *gone))}},
        {"domains": {WWW: view(local(VIP, *gone))}, "loopback_up": False},
        {"surroundings": Known(around)},
        {"surroundings": Known(around._replace(sockets=Sockets(virtual=frozenset({VIP}))))},
        {"surroundings": Known(around._replace(nameservers=frozenset({VIP})))},
        {},
    ]
    told = []
    for world in [*worlds, *reversed(worlds)]:
        for expecting in (policy, replace(policy, expect=())):
            for concerned in (None, frozenset({VIP}), frozenset({NEXT})):
                taken = snapshot(**world)
                domains = judge(taken, expecting).domains
                found = memo.uses(taken, expecting, domains, (), concerned)
                fresh = UsesMemo().uses(taken, expecting, domains, (), concerned)
                assert (found.of(VIP), found.of(NEXT)) == (fresh.of(VIP), fresh.of(NEXT))
                told.append(found.of(VIP))
    assert len(set(told)) == 6
