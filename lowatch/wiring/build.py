"""The parts that a single audit and the daemon are both made of."""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from lowatch import GC_THRESHOLDS
from lowatch.app.auditor import Auditor
from lowatch.app.ports import Prober as AppProber
from lowatch.app.ports import Resolver
from lowatch.config.settings import Config
from lowatch.core.clock import Now
from lowatch.core.name_sources import CANDIDATES
from lowatch.core.policy import Policy
from lowatch.kernel.half_open import HalfOpen, HalfOpenProber
from lowatch.kernel.host import Host
from lowatch.kernel.probe import PatientProber, Prober
from lowatch.resolve.engine import Engine
from lowatch.resolve.system.getaddrinfo import AddressLookups
from lowatch.resolve.upstream.channel import ChannelFactory, QueryObserver
from lowatch.resolve.views.resolver import ViewsResolver

T = TypeVar("T")


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


async def searched(config: Config, host: Host, *, by_address: bool = True) -> Config:
    """The configuration with the names of zone files, and those that [names] learn finds at once. Blocks.

    host: refreshed. by_address: whether it matters who leads to an address, as for one name it does not.
    Names on the command line are all that is asked for.
    """
    if config.zones:
        from .zones import read_now  # noqa: PLC0415  # most hosts have none

        config = await read_now(config, host)
    learns = set(CANDIDATES).intersection(config.names.learn)
    if not (by_address and config.policy.names_complete and learns):
        return config
    from .candidates import with_candidates  # noqa: PLC0415  # most hosts do without

    return await with_candidates(config, host, SystemClock())


def build_resolver(
    config: Config,
    policy: Policy,
    host: Host,
    observer: QueryObserver | None = None,
    channels: ChannelFactory | None = None,
    lookups: AddressLookups | None = None,
) -> tuple[Engine, ViewsResolver]:
    """The DNS engine, and the Resolver on top of it, which also knows what applications get.

    observer: of a daemon, which spreads its questions over time. channels: sockets unless others are given.
    lookups: call getaddrinfo; a thread unless others are given.
    """
    clock = SystemClock()
    spread = observer is not None
    engine = Engine(
        policy.domains,
        config.dns,
        clock,
        observer,
        spread=spread,
        guarded=spread,
        local=host,
        channels=channels,
    )
    return engine, ViewsResolver(engine, policy.domains, clock, local=host, lookups=lookups)


def build_auditor(
    host: Host, resolver: Resolver, policy: Policy, prober: Prober | None = None, netns: str = ""
) -> Auditor:
    """prober: makes all connects; without one, the audit waits for each answer. netns: as in Config."""
    whole: AppProber = prober or PatientProber()
    half_open: AppProber = HalfOpenProber(prober) if prober else PatientProber(HalfOpen)
    return Auditor(host, resolver, whole, policy, SystemClock(), os.uname().nodename, netns, half_open)


def run_in(netns: str, main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """asyncio.run() in a network namespace; "" for this one. Raises StartError."""
    if not netns:
        return asyncio.run(main())
    from lowatch.kernel.netns import NetnsError, run_inside  # noqa: PLC0415  # only for --netns

    try:
        return run_inside(netns, lambda: asyncio.run(main()))
    except NetnsError as error:
        raise StartError(str(error)) from None
