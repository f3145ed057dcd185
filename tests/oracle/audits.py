"""Audits a world with lowatch's kernel adapter, probe and auditor. The answers of DNS are given."""

from __future__ import annotations

import asyncio
from contextlib import closing
from typing import NamedTuple

from lowatch.app.auditor import Auditor
from lowatch.app.static_resolver import StaticResolver
from lowatch.core.addresses import Port, format_address, parse_address
from lowatch.core.answers import Answer, AnswerStatus, RRset
from lowatch.core.policy import Domain, Policy
from lowatch.core.verdicts import JudgedEndpoint
from lowatch.kernel.host import Host
from lowatch.kernel.probe import PatientProber
from lowatch.wiring import SystemClock
from tests.support.replaying import assert_replays

from .clients import Target
from .world import Named, World

Judged = dict[tuple[str, Target], JudgedEndpoint]
"""Domain and target -> endpoint."""


class Audits(NamedTuple):
    """with_probe: `probe = "confirm"`. lookups_only: `probe = "off"`. problems: everything unknown."""

    with_probe: Judged
    lookups_only: Judged
    problems: tuple[str, ...]


def audit(world: World) -> Audits:
    """Runs both audits inside the world that is staged now."""
    domains = {
        one.name: Domain(one.name, tuple(Port(*port) for port in one.ports), one.any_of)
        for one in world.names
    }
    given = StaticResolver(map(answer_of, world.names))  # DNS is not tested here
    watching = Policy(world.watched, domains)
    with closing(Host(watching)) as host:
        judged, problems = [], []
        for policy in (watching, Policy(world.watched, domains, probe=False)):
            auditor = Auditor(host, given, PatientProber(), policy, SystemClock(), "oracle")
            snapshot, judgement = asyncio.run(auditor.audit_with_connects())
            assert_replays(snapshot, policy, judgement)
            endpoints = [e for one in judgement.domains.values() for e in one.endpoints]
            judged.append({(e.domain, _target(e)): e for e in endpoints})
            problems += [str(problem) for problem in (*snapshot.problems, *judgement.undecided)]
        return Audits(judged[0], judged[1], tuple(problems))


def answer_of(one: Named) -> Answer:
    addresses = sorted(parse_address(address) for address in one.addresses)
    a = tuple(address for address in addresses if len(address) == 4)
    aaaa = tuple(address for address in addresses if len(address) == 16)
    return Answer(one.name, RRset(AnswerStatus.RESOLVED, a), RRset(AnswerStatus.RESOLVED, aaaa))


def _target(endpoint: JudgedEndpoint) -> Target:
    number, protocol = endpoint.port
    return Target(format_address(endpoint.address), number, protocol)  # type: ignore[arg-type]
