"""What an explanation is completed with, and for which endpoints a connect is made."""

from __future__ import annotations

from lowatch.app.survey import surveyed
from lowatch.core.addresses import Address, parse_address, parse_port, parse_prefix
from lowatch.core.explanation import AddressEvidence, Explanation, Neighbour, Redirect, RouteAnswer
from lowatch.core.known import Unknown
from lowatch.core.listeners import Endpoint
from lowatch.core.verdicts import JudgedEndpoint, Verdict
from tests.support.aio import run_async
from tests.unit.app.scripted import ScriptedHost, World, listens
from tests.unit.core.worlds import VIP, WWW

HTTP, HTTPS, DNS = parse_port("80"), parse_port("443"), parse_port("53/udp")
BACKEND = Endpoint(parse_address("127.0.0.1"), parse_port("8080"))
ROUTE = RouteAnswer(True, parse_prefix("192.0.2.10/32"), "lo")
OTHER = Neighbour("eth0", "02:00:00:00:00:07", "stale")
FAILED = Unknown("connect", "Connection refused")


class Kernel:
    """Implements app.survey.Survey. asked: the endpoints that were connected to."""

    def __init__(self, redirect: Redirect | Unknown) -> None:
        self.leads = redirect
        self.asked: list[Endpoint] = []

    def routed(self, address: Address, route: RouteAnswer) -> RouteAnswer:
        return route._replace(table=255, rules=(0,))

    def neighbours(self, address: Address) -> tuple[Neighbour, ...] | Unknown:
        return (OTHER,)

    async def redirect(self, endpoint: Endpoint) -> Redirect | Unknown:
        self.asked.append(endpoint)
        return self.leads


def completed(
    kernel: Kernel, *verdicts: tuple[object, Verdict], route: RouteAnswer | Unknown = ROUTE
) -> AddressEvidence:
    endpoints = tuple(JudgedEndpoint(WWW, VIP, "lo", port, one) for port, one in verdicts)  # type: ignore[arg-type]
    world = World(serving={BACKEND: listens(BACKEND)})
    explanation = Explanation(
        WWW, "web-17", 0.0, 0.0, addresses=(AddressEvidence(VIP, route, (), endpoints),)
    )
    (found,) = run_async(surveyed(explanation, kernel, ScriptedHost(world))).addresses
    return found


def test_the_route_and_the_neighbours() -> None:
    found = completed(Kernel(FAILED))
    assert (found.route, found.neighbours) == (ROUTE._replace(table=255, rules=(0,)), (OTHER,))


def test_an_unknown_route_stays_so() -> None:
    assert completed(Kernel(FAILED), route=FAILED).route == FAILED


def test_where_a_redirect_leads_and_who_listens_there() -> None:
    kernel = Kernel(Redirect("NAT leads it", BACKEND))
    found = completed(
        kernel, (HTTP, Verdict.REDIRECTED), (HTTPS, Verdict.ORPHAN), (DNS, Verdict.REDIRECTED)
    )
    assert kernel.asked == [Endpoint(VIP, HTTP)], "of TCP only, and of those that are redirected"
    assert found.redirects == {HTTP: Redirect("NAT leads it", BACKEND, listens(BACKEND))}


def test_it_leads_to_another_host() -> None:
    away = Redirect("NAT or IPVS leads it to another host")
    assert completed(Kernel(away), (HTTP, Verdict.REDIRECTED)).redirects == {HTTP: away}


def test_one_that_has_ended_is_left_out() -> None:
    assert completed(Kernel(FAILED), (HTTP, Verdict.REDIRECTED)).redirects == {}
