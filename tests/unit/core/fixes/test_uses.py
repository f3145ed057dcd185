"""What speaks for an address."""

from __future__ import annotations

from lowatch.core.addresses import parse_address, parse_port, parse_prefix
from lowatch.core.answers import View
from lowatch.core.fixes.uses import Use, Uses, uses
from lowatch.core.judgement import judge
from lowatch.core.policy import Policy
from lowatch.core.verdicts import JudgedEndpoint, Verdict
from tests.unit.core.worlds import NGINX, VIP, WWW, domain, local, seen, snapshot, view

NEXT, MAPPED = parse_address("192.0.2.11"), parse_address("::ffff:192.0.2.10")


def judged(verdict: Verdict) -> Use:
    return Use(JudgedEndpoint(WWW, VIP, "lo", parse_port("80"), verdict, None, "", View.DNS))


def test_the_text_of_a_use() -> None:
    assert Use("is expected here").text(VIP) == "192.0.2.10 is expected here"
    assert judged(Verdict.SERVED).text(VIP) == f"192.0.2.10 also serves {WWW} on 80/tcp"
    assert judged(Verdict.UNKNOWN).text(VIP) == f"whether 192.0.2.10 serves {WWW} on 80/tcp is unknown"
    assert "no connect" in judged(Verdict.ORPHAN).text(VIP)


def test_the_first_that_speaks_for_an_address_is_kept_also_where_it_is_mapped() -> None:
    found = Uses([(MAPPED, Use("is expected here")), (VIP, Use("has a socket bound to it"))])
    assert found.of(VIP) == "192.0.2.10 is expected here"
    assert found.of(NEXT) == ""


def test_inside_a_prefix_what_stays_local_anyway_does_not_matter() -> None:
    found = Uses([(VIP, Use("is expected here")), (NEXT, Use("is a nameserver of this host"))])
    prefix = parse_prefix("192.0.2.0/24")
    assert found.inside(prefix, lambda _: False) == "192.0.2.10 is expected here"
    assert found.inside(prefix, lambda one: one == VIP) == "192.0.2.11 is a nameserver of this host"
    assert found.inside(prefix, lambda _: True) == ""
    assert found.inside(parse_prefix("198.51.100.0/24"), lambda _: False) == ""


def test_what_is_served_or_expected_speaks_for_its_address() -> None:
    taken = snapshot(domains={WWW: view(local(VIP, *seen(("80", NGINX))))})
    policy = Policy(domains={WWW: domain(port_list="80")}, expect=(NEXT,))
    found = dict(uses(taken, policy, judge(taken, policy).domains, ()))
    assert found[VIP].text(VIP) == f"192.0.2.10 also serves {WWW} on 80/tcp"
    assert found[NEXT] == Use("is expected here")


def test_the_reason_does_not_depend_on_the_order_in_which_domains_were_observed() -> None:
    shop = "shop.example.com"
    served = view(local(VIP, *seen(("80", NGINX))))
    policy = Policy(domains={name: domain(name, port_list="80") for name in (WWW, shop)})
    for order in ((WWW, shop), (shop, WWW)):
        taken = snapshot(domains=dict.fromkeys(order, served))
        found = Uses(uses(taken, policy, judge(taken, policy).domains, ()))
        assert found.of(VIP) == f"192.0.2.10 also serves {shop} on 80/tcp"
