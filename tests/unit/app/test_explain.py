"""The chain of evidence, from every view of a name to the addresses on this host."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from lowatch.app.auditor import Auditor
from lowatch.app.explain import Bench, explain
from lowatch.app.ports import Resolver as AnyResolver
from lowatch.app.static_resolver import StaticResolver
from lowatch.config.targets import parse_explain_target
from lowatch.core.addresses import parse_address, parse_port
from lowatch.core.answers import Answer, View
from lowatch.core.explanation import (
    Explanation,
    RouteAnswer,
)
from lowatch.core.plan import Rehearsal
from lowatch.core.policy import Policy
from tests.unit.app.scripted import (
    Watch,
    World,
    at,
    holds,
    listens,
    offers,
    policy_of,
    resolves,
    seen_as,
    serves,
)
from tests.unit.app.story import SECOND, SHOP, VIP, WWW

XMPP = "_xmpp-client._tcp.example.com"
ELSEWHERE = parse_address("198.51.100.7")
POLICY = policy_of(serves("80"), serves("443", SHOP), serves("", XMPP))
ANSWERS = [
    seen_as(resolves(WWW, ELSEWHERE), (View.DNS, [VIP]), view=View.HOSTS),
    resolves(SHOP, SECOND),
    offers(XMPP, ("im.example.com", "5222", SECOND)),
]


def explained(
    target: str, answers: list[Answer] = ANSWERS, compared: list[str] | None = None
) -> Explanation:
    """On a host that holds both VIPs, and serves one port of the second.

    compared: takes the names that getaddrinfo was to be asked about.
    """

    world = World({holds("192.0.2.10/32"), holds("192.0.2.20/32")})
    world.serving[at(SECOND, "5222")] = listens(at(SECOND, "5222"))
    watch = Watch(world, POLICY)

    class Resolver(StaticResolver):
        async def cross_check(self, domains: Iterable[str], patience: float) -> None:
            if compared is not None:
                compared.extend(sorted(domains))

    class Builder:
        def resolver(self, policy: Policy) -> Resolver:
            return Resolver(answer for answer in answers if answer.domain in policy.domains)

        def auditor(self, resolver: AnyResolver, policy: Policy) -> Auditor:
            return Auditor(watch.host, resolver, watch.prober, policy, watch.clock, "web-17")

    bench = Bench(
        watch.host,
        watch.clock,
        (parse_port("8080"),),
        Builder(),
        lambda jobs: [Rehearsal("safe")] * len(jobs),
    )
    return asyncio.run(explain(parse_explain_target(target), POLICY, bench))


def endpoints(explanation: Explanation) -> dict[tuple[bytes, str], str]:
    return {
        (one.address, str(endpoint.port)): endpoint.verdict.value
        for one in explanation.addresses
        for endpoint in one.endpoints
    }


def test_a_domain_with_the_addresses_of_every_view() -> None:
    """What only DNS gives is shown too, and why that matters; nobody is expected to serve there."""
    found = explained(WWW)
    assert found.answer == ANSWERS[0]
    assert [one.address for one in found.addresses] == [ELSEWHERE, VIP]
    routes = [isinstance(one.route, RouteAnswer) and one.route.local for one in found.addresses]
    assert routes == [False, True]
    assert endpoints(found) == {}
    assert [one.finding.subject.key for one in found.findings] == [f"views-disagree/lo/192.0.2.10/{WWW}"]
    assert found.monotonic == 1_000.0


def test_a_service() -> None:
    found = explained(XMPP)
    assert endpoints(found) == {(SECOND, "5222/tcp"): "served"}
    assert (found.findings, found.complete) == ((), True)


def test_a_service_that_is_not_configured() -> None:
    """Its ports are those of its records, not the default ones."""
    other = "_sip._udp.example.com"
    found = explained(other, [offers(other, ("sip.example.com", "5060/udp", VIP))])
    assert endpoints(found) == {(VIP, "5060/udp"): "orphan"}


def test_an_address_with_the_ports_of_all_names_that_lead_there() -> None:
    found = explained("192.0.2.20")
    assert found.names == (XMPP, SHOP)
    assert endpoints(found) == {(SECOND, "5222/tcp"): "served", (SECOND, "443/tcp"): "orphan"}


def test_an_address_that_only_another_view_gives() -> None:
    found = explained("192.0.2.10")
    assert found.names == (WWW,)
    assert endpoints(found) == {(VIP, "80/tcp"): "orphan"}


def test_an_address_that_no_name_leads_to() -> None:
    found = explained("192.0.2.10:53/udp", [])
    assert (found.names, endpoints(found)) == ((), {(VIP, "53/udp"): "orphan"})


def test_whom_getaddrinfo_is_asked_about() -> None:
    """The name itself, wherever it leads; for an address, the names that lead here."""
    for target, names in (
        (SHOP, [SHOP]),
        ("far.example.com", ["far.example.com"]),
        ("192.0.2.20", [XMPP, SHOP, WWW]),
    ):
        compared: list[str] = []
        explained(target, compared=compared)
        assert compared == names
