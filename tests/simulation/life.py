"""One life of the daemon, from its start until it ends or is killed. It is built as in wiring/daemon.py."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from lowatch.app.auditor import Auditor
from lowatch.app.auditor_hints import AuditorHints
from lowatch.config.settings import DnsSettings
from lowatch.core.findings import Subject
from lowatch.core.judgement import Judgement
from lowatch.core.lifecycle import Tracked
from lowatch.core.policy import Policy, ports_of
from lowatch.core.snapshot import Snapshot
from lowatch.resolve.engine import Engine
from lowatch.resolve.views.resolver import ViewsResolver
from lowatch.service.journal.sink import JournalSink
from lowatch.service.served_file import ServedFile
from lowatch.wiring.daemon import build_daemon

from .connects import AllSeeing, SimulatedProber
from .disk import SimulatedStore, SimulatedThreads
from .host import SimulatedHost
from .journald import SimulatedJournalSocket
from .name_service import SimulatedLookups
from .nameservers import SERVERS, SimulatedChannels

if TYPE_CHECKING:
    from .world import World

SETTINGS = tuple(
    DnsSettings(servers, timeout=2.0, min_ttl=5.0, max_ttl=600.0, unknown_after=900.0, far_ttl=0.0)
    for servers in (SERVERS, SERVERS[:1], SERVERS[::-1])
)
"""The settings of [dns] that a reload may have."""
HOSTNAME = "web-17"


class _Uncounted:
    """Ignores what is counted, because nothing scrapes it."""

    def audited(self, seconds: float) -> None:
        pass

    def netlink_event(self, group: str) -> None:
        pass

    def netlink_overrun(self) -> None:
        pass

    def netlink_resync(self) -> None:
        pass


class Life:
    """remembered: key -> finding at its start."""

    def __init__(self, world: World, number: int) -> None:
        self.number = number
        self.began = world.loop.time()
        self.killed = False
        self.ended = False
        self.ended_at = self.began
        self.undelivered: set[Subject] = set()
        """Whose alerts waited for journald when it ended."""
        self.task: asyncio.Task[None]
        self._world = world
        policy, clock = world.policy, world.clock
        world.kernel.drop_pending()
        self.store = SimulatedStore(world.disk)
        self.remembered = {one.finding.subject.key: one for one in self.store.load()}
        threads = SimulatedThreads(world.disk, world.loop)
        self.sink = JournalSink(
            world.loop,
            socket=SimulatedJournalSocket(world.journald),
            intents=self.store,
            threads=threads,
            burst=world.burst,
            capacity=world.capacity,
        )
        self.host = SimulatedHost(world.kernel, world.faults, world.loop, policy)
        self.engine = Engine(
            policy.domains,
            world.dns,
            clock,
            spread=True,
            local=self.host,
            channels=SimulatedChannels(world.names.servers, world.loop),
            files=world.names,
            random=world.random,
        )
        self.views = ViewsResolver(
            self.engine,
            policy.domains,
            clock,
            local=self.host,
            files=world.names,
            random=world.random,
            lookups=SimulatedLookups(world.names, world.faults, world.loop),
        )
        self.prober = SimulatedProber(world.kernel, world.faults, world.loop)
        self.auditor = Auditor(self.host, self.views, self.prober, policy, clock, HOSTNAME)
        self.daemon = build_daemon(
            self.auditor,
            self.host,
            self.views,
            policy,
            clock,
            self.sink,
            self.store,
            ServedFile(world.disk.directory),
            _Uncounted(),
            threads,
        )
        hints = AuditorHints(self.auditor, self.daemon, _Uncounted())
        self.host.follow(ports_of(policy.domains), hints)

    async def run(self) -> None:
        """Runs until stop(), or until it is killed. After a kill nothing that it does has an effect."""
        world = self._world
        world.kernel.hearer, world.journald.listens = self.host, True
        try:
            await self.daemon.run()
        except asyncio.CancelledError:
            if not self.ended:
                raise
        finally:
            self.sink.close()
            self.prober.close()
            world.kernel.hearer, world.journald.listens = None, False
            world.disk.freeze()

    # Its end, and changes of its configuration.

    def replace_policy(self, policy: Policy) -> None:
        self.host.replace_watches(policy)
        self.daemon.replace_policy(policy)

    def files_changed(self) -> None:
        self.engine.files_changed()
        self.views.files_changed()

    def stop(self) -> None:
        """Ends it like SIGTERM."""
        self._end()

    def kill(self) -> None:
        """Ends it like SIGKILL. Nothing that it does from now on has an effect."""
        if not self.ended:
            self.killed = True
            self._world.kernel.hearer, self._world.journald.listens = None, False
            self._world.disk.freeze()
            self._end()

    def _end(self) -> None:
        if not self.ended:
            self.ended = True
            self.ended_at = self._world.loop.time()
            self.undelivered = {one.finding.subject for one in self.sink.undelivered()}
            self.task.cancel()

    @property
    def tracked(self) -> Mapping[str, Tracked]:
        """Its findings, by key. The same object until the tracker has changed them."""
        return self.daemon._tracker.tracked

    @property
    def latest(self) -> tuple[Snapshot, Judgement]:
        """The snapshot and judgement of the last audit."""
        latest = self.daemon._latest._found
        assert latest is not None
        return latest

    def fresh_auditor(self) -> Auditor:
        """A new Auditor of the same world and the same answers."""
        world = self._world
        host = SimulatedHost(world.kernel, world.faults, world.loop, world.policy)
        fresh = Auditor(host, self.views, AllSeeing(world.kernel), world.policy, world.clock, HOSTNAME)
        fresh.last.remember(self.auditor.last.gone)  # by which a fix knows what to start
        return fresh
