"""The parts that a single audit and the daemon are both made of."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from lowatch.app.auditor import Auditor
from lowatch.app.ports import Prober as AppProber
from lowatch.app.ports import Resolver
from lowatch.config.settings import Config
from lowatch.core.audit import Audit
from lowatch.core.clock import (
    Now,
)
from lowatch.core.policy import Policy
from lowatch.core.snapshot import Problem
from lowatch.files.threads import thread_problem
from lowatch.kernel.host import Host
from lowatch.kernel.probe import probe
from lowatch.resolve.engine import Engine
from lowatch.resolve.upstream.channel import QueryObserver
from lowatch.resolve.views.resolver import Views


class StartError(Exception):
    """One line: what keeps lowatch from starting."""


class SystemClock:
    """time.monotonic for intervals; time.time for people; CLOCK_BOOTTIME for ages since boot."""

    def now(self) -> Now:
        return Now(time.monotonic(), time.time(), time.clock_gettime(time.CLOCK_BOOTTIME))


def collect_rarely() -> None:
    """Nearly all that is allocated is tuples without cycles, by the ten thousand, and kept.

    Collecting at Python's default pace takes a quarter of a first audit's time, and finds nothing.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def give_memory_back() -> None:
    """What the start took for a while: with 100,000 names 6 of 88 MiB, which malloc would keep."""
    import ctypes  # noqa: PLC0415  # 2 ms that `check` does without

    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's
    if trim is not None:
        trim(0)


@contextmanager
def opened_host(policy: Policy) -> Iterator[Host]:
    host = Host(policy.watches)
    try:
        yield host
    finally:
        host.close()


def build_resolver(
    config: Config, policy: Policy, host: Host, observer: QueryObserver | None = None
) -> tuple[Engine, Views]:
    """DNS, and what applications get of it: the Resolver that the application asks.

    observer: of a daemon, which is in no hurry.
    """
    clock = SystemClock()
    spread = observer is not None
    engine = Engine(policy.domains, config.dns, clock, observer, spread=spread, local=host.local_prefixes)
    return engine, Views(engine, policy.domains, clock, local=host.local_prefixes)


def build_auditor(host: Host, resolver: Resolver, policy: Policy, prober: AppProber = probe) -> Auditor:
    """prober: waits for each answer unless another one is given."""
    return Auditor(host, resolver, prober, policy, SystemClock(), os.uname().nodename)


def with_problems(audit: Audit, config: Config) -> Audit:
    """The audit, with what is wrong with the files that names come from: names may be missing."""
    problems = [Problem("config", str(problem)) for problem in config.problems]
    if refusal := thread_problem():
        problems.append(Problem("host", f"{refusal}: files are not read again"))
    if not problems:
        return audit
    return replace(audit, complete=False, problems=(*problems, *audit.problems))
