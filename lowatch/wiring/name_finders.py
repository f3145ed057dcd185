"""What finds names beside the configuration, in the daemon. Only what [names] learn has is imported."""

from __future__ import annotations

import os
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from lowatch.config.settings import Config
from lowatch.core.name_sources import CANDIDATES, LOOKUPS
from lowatch.service.directories import runtime_directory

if TYPE_CHECKING:
    from contextlib import ExitStack
    from pathlib import Path

    from lowatch.app.config_in_force import ConfigInForce, DnsEngine, FoundNames
    from lowatch.app.daemon import Daemon
    from lowatch.app.shown_audit import LookupSource
    from lowatch.core.clock import Clock
    from lowatch.core.liveness import Beating
    from lowatch.files.threads import Threads
    from lowatch.files.watch import FilesListener
    from lowatch.kernel.host import Host
    from lowatch.resolve.engine import Engine
    from lowatch.resolve.system.getaddrinfo import AddressLookups
    from lowatch.resolve.upstream.channel import QueryObserver

    from .candidates import FollowedCandidates
    from .lookups import Learning


class FinderParts(NamedTuple):
    """What finds names, complete.

    running: to be run until cancelled. beating: whose heartbeats are watched. sources: whose problems are
    shown. files: told of changed ones.
    """

    running: Sequence[Coroutine[Any, Any, None]]
    beating: Sequence[Beating]
    sources: Sequence[LookupSource]
    files: Sequence[FilesListener]


class NameFinders:
    """Lookups that resolvers report, and names that the host and its addresses have by themselves."""

    def __init__(self, config: Config, directory: Path | None, clock: Clock) -> None:
        """directory: for state; None to keep none."""
        self._learning = _learning(config, directory)
        self._candidates = _candidates(config, directory, clock)

    @property
    def names(self) -> Sequence[FoundNames]:
        """What the last run knew, and all that is found later. Where two have a name, the first counts."""
        return [one.names for one in (self._candidates, self._learning) if one is not None]

    @property
    def paths(self) -> Sequence[Path]:
        """What is to be watched."""
        return () if self._candidates is None else self._candidates.files

    def observer(self, counted: QueryObserver) -> QueryObserver:
        """Told of each query of the resolver."""
        return counted if self._learning is None else self._learning.observer(counted)

    def lookups(self) -> AddressLookups | None:
        """What calls getaddrinfo; None for a thread of the resolver's own."""
        return None if self._learning is None else self._learning.lookups()

    def engines(self, engine: Engine, host: Host, observer: QueryObserver) -> DnsEngine:
        """What is told of other settings. engine: asks about the names that are followed."""
        if self._candidates is None:
            return engine
        return self._candidates.engines(engine, host, observer)

    def parts(
        self, config: ConfigInForce, daemon: Daemon, host: Host, threads: Threads, stack: ExitStack
    ) -> FinderParts:
        """What finds them. stack: closes what holds descriptors. Raises StartError."""
        running: list[Coroutine[Any, Any, None]] = []
        beating: list[Beating] = []
        sources: list[LookupSource] = []
        files: list[FilesListener] = []
        if self._learning is not None:
            runtime = runtime_directory(os.environ)
            readers = self._learning.readers(config, daemon, host, threads, runtime, stack)
            running += readers.running
            sources += readers.sources
        if self._candidates is not None:
            follower = self._candidates.follower(config, daemon, threads)
            running.append(follower.run())
            beating.append(self._candidates)
            sources.append(follower)
            files += [self._candidates, follower]
        return FinderParts(running, beating, sources, files)


def _learning(config: Config, directory: Path | None) -> Learning | None:
    if not set(LOOKUPS).intersection(config.learns):
        return None
    from .lookups import Learning  # noqa: PLC0415  # only if names are learned

    return Learning(config, directory)


def _candidates(config: Config, directory: Path | None, clock: Clock) -> FollowedCandidates | None:
    if not set(CANDIDATES).intersection(config.names.learn):
        return None
    from .candidates import FollowedCandidates  # noqa: PLC0415  # only if such names are followed

    return FollowedCandidates(config, directory, clock)
