"""Verifies the audit of a world as `lowatch check --verify` does: there is no disagreement and no doubt."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import closing

from lowatch.app.static_resolver import StaticResolver
from lowatch.app.verify import Verified, Verifier
from lowatch.core.addresses import Port
from lowatch.core.listeners import Endpoint
from lowatch.core.policy import Domain, Policy
from lowatch.core.verification import Outcome
from lowatch.kernel.decoder_check import compare_decoders
from lowatch.kernel.host import Host
from lowatch.kernel.probe import PatientProber
from lowatch.wiring import build_auditor, opened_host

from .audits import answer_of
from .generate import generate
from .stage import staged
from .world import World

_AT_ONCE = 100_000
"""Connects per second: nobody else waits for this kernel."""


def trial(seed: int, counts: Counter[str]) -> str:
    """The story of a world whose verification finds something; "" if it finds nothing."""
    world = generate(seed)
    try:
        lines = list(found_in(world, counts))
    except AssertionError as error:
        return f"world {seed} cannot be built: {error}\n{world}"
    if not lines:
        return ""
    again = f"python -m tests.oracle --worlds 0 --fixes 0 --verify 1 --seed {seed}"
    return "\n".join([f"world {seed} ({again}):", str(world), *(f"  FOUND: {line}" for line in lines)])


def found_in(world: World, counts: Counter[str]) -> Iterator[str]:
    """What verification finds in a world."""
    with staged(world):
        verified = verified_audit(world)
        found = verified.verification
        counts.update({f"verdict {outcome}": number for outcome, number in found.outcomes.items()})
        yield from found.disagreements
        # A client may meet the full queue of a REUSEPORT group, and every one before it met another member.
        full = any(one.reuseport and one.state == "full" for one in world.sockets)
        yield from (line for line in found.unseen if not (full and "a connect timed out" in line))
        if found.outcomes.get(Outcome.CHANGING):
            yield f"{found.outcomes[Outcome.CHANGING]} verdicts kept changing, and nothing does here"
        judged = (one for each in verified.judgement.domains.values() for one in each.endpoints)
        comparison, missed = compare_decoders(Endpoint(one.address, one.port) for one in judged)
        counts["messages compared"] += comparison.compared
        yield from (*comparison.differences, *missed)


def verified_audit(world: World) -> Verified:
    """Audits the world that is staged now, and verifies that."""
    domains = {
        one.name: Domain(one.name, tuple(Port(*port) for port in one.ports), one.any_of)
        for one in world.names
    }
    policy = Policy(world.watched, domains)
    resolver = StaticResolver(map(answer_of, world.names))

    async def run(host: Host) -> Verified:
        auditor = build_auditor(host, resolver, policy)
        verifier = Verifier(
            auditor,
            host,
            resolver,
            policy,
            PatientProber(),
            lambda: opened_host(policy),
            per_second=_AT_ONCE,
            pause=0.1,
        )
        return await verifier.verify(*await auditor.audit_with_connects())

    with closing(Host(policy)) as host:
        return asyncio.run(run(host))
