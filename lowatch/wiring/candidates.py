"""Builds what finds names by /etc/hosts, the host's own name and PTR records.

Nothing without such a source in [names] learn imports it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lowatch.app.breaks import with_breaks
from lowatch.app.candidates import Candidates, OwnNames, Places, UpstreamDns
from lowatch.app.candidates_follower import TOO_MANY, CandidatesFollower
from lowatch.app.config_in_force import DnsEngine, with_learned
from lowatch.app.names_saver import NamesSaver
from lowatch.app.victims import interfaces_of
from lowatch.config.settings import Config, DnsSettings
from lowatch.core.candidate_names import CandidateNames
from lowatch.core.known import Known
from lowatch.core.liveness import Heartbeat
from lowatch.core.name_sources import CANDIDATES, NameSource
from lowatch.resolve.engine import Engine
from lowatch.resolve.system.own_names import OwnNames as FilesOfThisHost
from lowatch.resolve.system.upstream_source import BEHIND_STUB, UpstreamSource
from lowatch.resolve.upstream.shared_rate import SharedRate
from lowatch.service.learned_file import LearnedFile, render_learned

if TYPE_CHECKING:
    from lowatch.app.config_in_force import ConfigInForce
    from lowatch.app.daemon import Daemon
    from lowatch.core.clock import Clock
    from lowatch.files.threads import Threads
    from lowatch.kernel.host import Host
    from lowatch.resolve.upstream.channel import QueryObserver


async def with_candidates(config: Config, host: Host, clock: Clock) -> Config:
    """The configuration with the names that lead to held addresses now. Blocks.

    host: refreshed. If its addresses are unknown, no name leads to them; the audit reports that.
    """
    held = host.held()
    if not isinstance(held, Known):
        return config
    addresses = frozenset(interfaces_of(held.value))
    dns = _upstream(config.dns, config.names.learn, host, clock)
    candidates = Candidates(_places(config, dns))
    candidates.ask(addresses, candidates.read(addresses))
    if dns is not None:
        await _settled(dns)
    names = CandidateNames()
    leading = await with_breaks(candidates.leading())
    too_many = names.replace(leading, clock.now().monotonic, asked=CANDIDATES)
    missed = (*filter(None, [candidates.problem]), *([TOO_MANY] if too_many else []))
    return replace(config, policy=with_learned(config, [names]), missed=missed)


async def _settled(dns: Engine) -> None:
    async with asyncio.TaskGroup() as group:
        running = group.create_task(dns.run(_Unheard()))
        await dns.settled()
        running.cancel()


class _Unheard:
    """An AnswerListener for a single look."""

    def answer_changed(self, domain: str) -> None:
        pass


class FollowedCandidates:
    """The daemon's. names: what the last run knew, if its source is still asked."""

    def __init__(self, config: Config, directory: Path | None, clock: Clock) -> None:
        """directory: for state; None to keep none."""
        self._config = config
        self._clock = clock
        self._file = LearnedFile(directory, "candidates.json")
        self._dns: Engine | None = None
        self.names = CandidateNames()
        known = self._file.load(self._clock.now())
        self.names.restore((name, one) for name, one in known if one.source in config.names.learn)

    @property
    def files(self) -> Sequence[Path]:
        """What is to be watched beside the files of name resolution."""
        return (BEHIND_STUB,)

    def engines(self, engine: Engine, host: Host, observer: QueryObserver) -> DnsEngine:
        """What is told of other settings. engine: asks about the names that are followed."""
        learn = self._config.names.learn
        self._dns = _upstream(self._config.dns, learn, host, self._clock, observer)
        if self._dns is None:
            return engine
        engines = SharedRate(engine, self._dns)
        engines.replace_settings(self._config.dns)
        return engines

    def heartbeats(self) -> Iterable[Heartbeat]:
        """Implements core.liveness.Beating."""
        if self._dns is not None:
            yield from (one._replace(part="names of addresses") for one in self._dns.heartbeats())

    def follower(self, config: ConfigInForce, daemon: Daemon, threads: Threads) -> CandidatesFollower:
        saver = NamesSaver(self.names, self._file, render_learned, threads, self._clock)
        candidates = Candidates(_places(self._config, self._dns))
        return CandidatesFollower(
            self.names, candidates, self._dns, config, daemon, saver, threads, self._clock
        )

    def files_changed(self) -> None:
        """Implements files.watch.FilesListener for the nameservers."""
        if self._dns is not None:
            self._dns.files_changed()


def _upstream(
    settings: DnsSettings,
    learn: Collection[NameSource],
    host: Host,
    clock: Clock,
    observer: QueryObserver | None = None,
) -> Engine | None:
    """None if only files are read. observer: as in build_resolver()."""
    if not {NameSource.PTR, NameSource.HOSTNAME}.intersection(learn):
        return None
    spread = observer is not None
    return Engine((), settings, clock, observer, spread=spread, local=host, source=UpstreamSource, ptr=True)


def _places(config: Config, dns: UpstreamDns | None) -> Places:
    files: OwnNames = FilesOfThisHost()
    return Places(config.names.learn, files, dns, lambda: os.uname().nodename)
