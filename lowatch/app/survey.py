"""Completes an explanation with what only a person wants to know: tables, neighbours, redirects."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from lowatch.core.addresses import Address, Port
from lowatch.core.explanation import AddressEvidence, Explanation, Neighbour, Redirect, RouteAnswer
from lowatch.core.known import Unknown
from lowatch.core.listeners import Endpoint, Listener
from lowatch.core.verdicts import Verdict

from .ports import Host


class Survey(Protocol):
    """What the kernel is asked for an explanation alone."""

    def routed(self, address: Address, route: RouteAnswer) -> RouteAnswer: ...

    def neighbours(self, address: Address) -> tuple[Neighbour, ...] | Unknown: ...

    async def redirect(self, endpoint: Endpoint) -> Redirect | Unknown: ...


async def surveyed(explanation: Explanation, survey: Survey, host: Host) -> Explanation:
    """The explanation, with what the kernel says of each of its addresses."""
    addresses = [await _surveyed(one, survey, host) for one in explanation.addresses]
    return replace(explanation, addresses=tuple(addresses))


async def _surveyed(evidence: AddressEvidence, survey: Survey, host: Host) -> AddressEvidence:
    route = evidence.route
    if not isinstance(route, Unknown):
        route = survey.routed(evidence.address, route)
    redirects: dict[Port, Redirect] = {}
    for one in evidence.endpoints:
        if one.verdict is Verdict.REDIRECTED and one.port.protocol == "tcp":
            found = await survey.redirect(Endpoint(one.address, one.port))
            if not isinstance(found, Unknown):
                redirects[one.port] = _with_listener(found, host)
    return replace(
        evidence, route=route, neighbours=survey.neighbours(evidence.address), redirects=redirects
    )


def _with_listener(redirect: Redirect, host: Host) -> Redirect:
    if redirect.to is None:
        return redirect
    (listener,) = host.listeners([redirect.to])
    return redirect._replace(listener=listener) if isinstance(listener, Listener) else redirect
