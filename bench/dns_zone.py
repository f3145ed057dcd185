"""Serves a zone of many names on a core of its own, so that client and server do not compete for one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from tests.support.dns_server import Knot

from . import world

ZONE = "bench.example"


def names(count: int) -> list[str]:
    return [f"d{number}.{ZONE}" for number in range(count)]


def records(count: int, ttl: int) -> str:
    """One A each, and no AAAA: NODATA, as for most names."""
    return "\n".join(f"d{number} {ttl} A {world.text(number)}" for number in range(count))


@contextmanager
def served(count: int, ttl: int) -> Iterator[Knot]:
    """Runs Knot on the first core, where it binds its first UDP worker anyway. NODATA also has `ttl`.

    Its port is 53, so that resolv.conf can name it.
    """
    with ExitStack() as stack:
        with pinned(_cores()[0]):
            knot = stack.enter_context(Knot({ZONE: records(count, ttl)}, port=53, negative_ttl=ttl))
        yield knot


@contextmanager
def as_client() -> Iterator[None]:
    """Processes started in this block run on the last core, where no server does."""
    with pinned(_cores()[-1]):
        yield


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """Runs the calling thread, and what it starts, only on that core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _cores() -> Sequence[int]:
    return sorted(os.sched_getaffinity(0))
