"""Cleans all that may be cleaned in a world, and undoes it: nothing is lost, everything comes back."""

from __future__ import annotations

import asyncio
import re
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from pathlib import Path
from random import Random
from traceback import format_exception

from lowatch import wiring
from lowatch.app.auditor import Auditor
from lowatch.app.cleaning import Kernel as Changes
from lowatch.app.static_resolver import StaticResolver
from lowatch.cli.wiring_port import Progress
from lowatch.config.settings import Config
from lowatch.core.addresses import Address, Port, Prefix, host_length, parse_address
from lowatch.core.audit import Audit, build_audit
from lowatch.core.changes.rows import KernelState
from lowatch.core.changes.undo import Undo
from lowatch.core.findings import Finding, Fix
from lowatch.core.lifecycle import without_memory
from lowatch.core.name_outcomes import FollowedNames
from lowatch.core.policy import Acknowledgement, Domain, Policy
from lowatch.kernel.host import Host as Kernel
from lowatch.kernel.probe import PatientProber
from lowatch.wiring import SystemClock
from tests.kernel_behaviour.asking import is_local
from tests.support.cleaning import Cleaner, Picture, picture

from .audits import answer_of
from .clients import Met, meet
from .fix_trial import left_to_chance, targets_at
from .hosts import Host, host, reached
from .stage import staged

_IN_USE = re.compile(r"the route \S+/128 dev \S+ table 255 cannot be added again")
_STILL_THERE = re.compile(r"^lowatch: still there: \S+, .+: .*no command", re.MULTILINE)
_DONE = re.compile(r"(\d+) of (\d+) plans? done")


class OracleWiring:
    """Audits a world with the answers that it has; changes the kernel as the command does."""

    StartError = wiring.StartError

    def __init__(self, one: Host, accepted: Address | None) -> None:
        domains = {
            name.name: Domain(name.name, tuple(Port(*port) for port in name.ports), name.any_of)
            for name in one.world.names
        }
        until = (
            ()
            if accepted is None
            else (Acknowledgement(4e9, "kept", address=Prefix(accepted, host_length(accepted))),)
        )
        expect = tuple(map(parse_address, one.expect))
        self._policy = Policy(one.world.watched, domains, expect=expect, acknowledgements=until)
        self._names = list(map(answer_of, one.world.names))

    def check(self, config: Config, progress: Progress | None) -> Audit:
        with closing(Kernel(self._policy)) as kernel:
            resolver = StaticResolver(self._names)
            auditor = Auditor(kernel, resolver, PatientProber(), self._policy, SystemClock(), "oracle")
            snapshot, judgement = asyncio.run(auditor.audit_with_connects())
        tracked = without_memory(judgement, snapshot.taken, self._policy)
        return build_audit(snapshot, judgement, tracked, FollowedNames({}, (), ()), snapshot.monotonic)

    def rehearsed_together(
        self, chosen: Sequence[tuple[Finding, Fix]], audit: Audit, config: Config
    ) -> str:
        return wiring.rehearsed_together(chosen, audit, replace(config, policy=self._policy))

    def changer(self) -> AbstractContextManager[Changes]:
        return wiring.changer()

    def new_undo(self, now: float) -> Undo:
        return wiring.new_undo(now)


def try_cleaning(seed: int, one: Host, counts: Counter[str]) -> Iterator[str]:
    """A line for each harm."""
    with staged(one.world, one.furnish):
        neighbours = reached()  # in a world of its own, as in fix_trial
    held = [parse_address(str(each.exact)) for each in one.world.holdings if each.exact is not None]
    random = Random(f"clean {seed}")
    accepted = random.choice(held) if held and random.random() < 0.3 else None
    with staged(one.world, one.furnish) as opened, tempfile.TemporaryDirectory() as directory:
        clean = Cleaner(Path(directory), 'hold = "0s"', OracleWiring(one, accepted))
        _settle()
        targets = list(dict.fromkeys(targets_at(one, opened)))
        before, there = meet(opened, targets, frozenset()), _picture()
        kept = [address for address in one.expect if is_local(address)]
        done = clean.apply()
        counts[f"exit code {done.code}"] += 1
        counts["changes"] += sum(line.startswith(("added", "deleted")) for line in done.stdout.splitlines())
        # Each of two plans may do no harm, and both together some: then the second one has a reason not to.
        told = _STILL_THERE.findall(done.stderr)
        counts["plans that another one made impossible"] += len(told)
        if done.code not in (0, 3) and not (told and len(told) == done.stderr.count("\n")):
            yield f"code {done.code}: {done.stderr}"
        taken = frozenset(target for target in targets if before[target].met is Met.TAKEN)
        taken -= left_to_chance(targets, opened)
        after = meet(opened, targets, taken)
        for target in sorted(taken):
            if after[target].met is not Met.TAKEN:
                yield f"LOST {' '.join(map(str, target))}: {after[target]}"
        yield from (
            f"LOST the neighbour's {address}" for address in sorted(neighbours - reached(neighbours))
        )
        yield from (f"LOST what is expected: {address}" for address in kept if not is_local(address))
        stayed = {row.address for row in _picture().state.addresses}
        if accepted in {row.address for row in there.state.addresses} - stayed:
            yield f"LOST what is acknowledged: {accepted.hex()}"
        found = _DONE.search(done.stdout)
        if found is not None and int(found[1]) + len(told) != int(found[2]):
            yield f"ONLY {found[0]}"
        if clean.scripts():
            undone = clean.undo()
            _settle()
            now = _picture()
            if _IN_USE.search(undone.stderr):  # docs/decisions.md, "What does an undo restore?"
                counts["undone, but for the order of the routes of one IPv6 address"] += 1
            elif undone.code or now != there:
                yield f"NOT UNDONE: {undone.stderr}{_difference(there, now)}"


def _settle() -> None:
    """Wait until nothing changes by itself: IPv6's local routes come from a work queue."""
    last, deadline = _picture(), time.monotonic() + 10
    while time.monotonic() < deadline:
        time.sleep(0.02)
        if (now := _picture()) == last and "tentative" not in str(now):
            return
        last = now


def _picture() -> Picture:
    """Without the link-local addresses that interfaces make up when they come up."""
    addresses, routes, (rows, kernel_routes) = picture()
    for _, found in addresses:
        found[:] = [one for one in found if not str(one["local"]).startswith("fe80:")]
    return Picture(
        addresses,
        [one for one in routes if not _is_made_up(one)],
        KernelState(
            tuple(row for row in rows if row.address[:2] != b"\xfe\x80"),
            tuple(row for row in kernel_routes if row.prefix.address[:2] != b"\xfe\x80" and row.kind != 3),
        ),
    )


def _is_made_up(route: dict[str, object]) -> bool:
    """Link-local ones; and a broadcast route that somebody had deleted comes back with its address."""
    return route.get("type") == "broadcast" or str(route["dst"]).startswith(("fe80:", "ff00:", "multicast"))


def _difference(before: object, after: object) -> str:
    rows = [*before.addresses, *before.routes]  # type: ignore[attr-defined]
    others = [*after.addresses, *after.routes]  # type: ignore[attr-defined]
    lines = [f"\n    - {row}" for row in rows if row not in others]
    lines += [f"\n    + {row}" for row in others if row not in rows]
    moved = ((one, other) for one, other in zip(rows, others, strict=False) if one != other)
    return "".join(lines) or "another order: {} instead of {}".format(*next(moved, ("?", "?"))[::-1])


def trial(seed: int, counts: Counter[str] | None = None, *, plain: bool | None = None) -> str:
    """The story of a cleaning that does harm, or cannot be undone; "" if there is none."""
    one = host(seed, plain=plain)
    try:
        lines = list(try_cleaning(seed, one, Counter() if counts is None else counts))
    except AssertionError as error:
        lines = format_exception(error)
    if not lines:
        return ""
    where = (
        f"host {seed} (python -m tests.oracle --worlds 0 --fixes 0 --verify 0 --cleanings 1 --seed {seed}):"
    )
    return "\n".join([where, str(one), *(f"  {line}" for line in lines)])
