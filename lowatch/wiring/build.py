"""The parts that a single audit and the daemon are both made of."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from lowatch import GC_THRESHOLDS
from lowatch.app.auditor import Auditor
from lowatch.app.ports import Prober as AppProber
from lowatch.app.ports import Resolver
from lowatch.config.settings import Config
from lowatch.core.clock import Now
from lowatch.core.policy import Policy
from lowatch.kernel.host import Host
from lowatch.kernel.probe import PatientProber
from lowatch.resolve.engine import Engine
from lowatch.resolve.upstream.channel import QueryObserver
from lowatch.resolve.views.resolver import ViewsResolver


class StartError(Exception):
    """One line: what keeps lowatch from starting."""


class SystemClock:
    """time.monotonic for intervals; time.time for people; CLOCK_BOOTTIME for ages since boot."""

    def now(self) -> Now:
        return Now(time.monotonic(), time.time(), time.clock_gettime(time.CLOCK_BOOTTIME))


def collect_rarely() -> None:
    """Nearly everything that is allocated is tuples without cycles, by the ten thousand, and is kept.

    Collecting at Python's default pace takes a quarter of a first audit's time, and finds nothing.
    """
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


@contextmanager
def opened_host(policy: Policy) -> Iterator[Host]:
    host = Host(policy)
    try:
        yield host
    finally:
        host.close()


def build_resolver(
    config: Config, policy: Policy, host: Host, observer: QueryObserver | None = None
) -> tuple[Engine, ViewsResolver]:
    """The DNS engine, and the Resolver on top of it, which also knows what applications get.

    observer: of a daemon, which spreads its questions over time.
    """
    clock = SystemClock()
    spread = observer is not None
    engine = Engine(policy.domains, config.dns, clock, observer, spread=spread, local=host)
    return engine, ViewsResolver(engine, policy.domains, clock, local=host)


def build_auditor(
    host: Host, resolver: Resolver, policy: Policy, prober: AppProber | None = None
) -> Auditor:
    """prober: one that waits for each answer unless another is given."""
    prober = prober or PatientProber()
    return Auditor(host, resolver, prober, policy, SystemClock(), os.uname().nodename)
