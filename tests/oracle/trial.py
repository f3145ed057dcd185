"""Builds, audits and compares one world. A world that disagrees is reduced to what matters."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from traceback import format_exception
from typing import Any, TypeVar

from .audits import audit
from .clients import meet
from .compare import disagreements, expects_answer, targets_of
from .generate import generate
from .stage import staged
from .world import World

T = TypeVar("T")

_REDUCED_WITHIN = 60.0
"""Seconds spent on reducing a world that disagrees."""
_PARTS = ("names", "sockets", "redirects", "steering", "holdings", "aftermath", "links")


def try_world(world: World, verdicts: Counter[str] | None = None) -> list[str]:
    """The disagreements. verdicts: counts lowatch's verdicts, and targets without an endpoint."""
    with staged(world) as opened:
        audits = audit(world)
        targets = dict.fromkeys(target for domain in world.names for target in targets_of(domain))
        patient = frozenset(
            target
            for (_, target), judged in audits.with_probe.items()
            if expects_answer(judged.verdict) and not world.lo_down
        )
        outcomes = meet(opened, targets, patient)
        if verdicts is not None:
            verdicts.update(judged.verdict for judged in audits.with_probe.values())
            asked = {target for _, target in audits.with_probe}
            verdicts.update(
                f"not local, {outcomes[target].met}" for target in targets if target not in asked
            )
        return disagreements(world, opened, audits, outcomes)


def trial(seed: int, verdicts: Counter[str] | None = None) -> str:
    """The story of a disagreement, to be read and replayed; "" if there is none."""
    world = generate(seed)
    try:
        lines = try_world(world, verdicts)
    except AssertionError as error:
        return f"world {seed}: {''.join(format_exception(error))}\n{world}"
    if not lines:
        return ""
    world, lines = _reduced(world, lines, time.monotonic() + _REDUCED_WITHIN)
    return "\n".join(
        [
            f"world {seed} (python -m tests.oracle --worlds 1 --seed {seed}), what matters of it:",
            str(world),
            *(f"  DISAGREES: {line}" for line in lines),
        ]
    )


def _reduced(world: World, lines: list[str], deadline: float) -> tuple[World, list[str]]:
    """Leaves out elements as long as one of the disagreements stays."""
    before = set(map(_gist, lines))
    for smaller in _smaller(world):
        if time.monotonic() > deadline:
            break
        try:
            still = [line for line in try_world(smaller) if _gist(line) in before]
        except AssertionError:  # an address on a link that was left out, say
            continue
        if still:
            return _reduced(smaller, still, deadline)
    return world, lines


def _gist(line: str) -> str:
    """A disagreement without the parts that differ from run to run."""
    return re.sub(r"(socket|inode) \d+", "", line)


def _smaller(world: World) -> Iterator[World]:
    """For each element, the world without it."""
    for part in _PARTS:
        for less in _one_less(getattr(world, part)):
            fewer: dict[str, Any] = {part: less}
            yield replace(world, **fewer)
    for i, domain in enumerate(world.names):
        smaller = [domain._replace(addresses=less) for less in _one_less(domain.addresses)]
        smaller += [domain._replace(ports=less) for less in _one_less(domain.ports)]
        for one in smaller:
            yield replace(world, names=(*world.names[:i], one, *world.names[i + 1 :]))


def _one_less(elements: tuple[T, ...]) -> Iterator[tuple[T, ...]]:
    return (elements[:i] + elements[i + 1 :] for i in range(len(elements)))
