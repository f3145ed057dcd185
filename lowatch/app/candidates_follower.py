"""Follows the names that lead to held addresses by what the host and the addresses say of themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from lowatch.core.addresses import Address
from lowatch.core.candidate_names import CandidateNames
from lowatch.core.clock import Clock
from lowatch.files.threads import NoThreadError, Threads

from .audited_names import AuditedNames, follow_audits
from .breaks import with_breaks
from .candidates import Candidates, UpstreamDns
from .config_in_force import ConfigInForce
from .names_saver import NamesSaver
from .port_evidence import PortEvidence

_PACE, _REST = 1.0, 20
"""The pause after a look: in seconds, and as a multiple of the time that it took."""
_THREAD_AFTER = 5.0
"""Seconds until a thread is tried again, if none could be started."""


class CandidatesFollower:
    """Implements LookupSource, AnswerListener and files.watch.FilesListener."""

    def __init__(
        self,
        names: CandidateNames,
        candidates: Candidates,
        dns: UpstreamDns | None,
        config: ConfigInForce,
        daemon: AuditedNames,
        saver: NamesSaver,
        threads: Threads,
        clock: Clock,
    ) -> None:
        """names: known at the start, and in force already. dns: the same as in `candidates`."""
        self._names = names
        self._candidates = candidates
        self._dns = dns
        self._config = config
        self._daemon = daemon
        self._saver = saver
        self._threads = threads
        self._clock = clock
        self._look = asyncio.Event()
        self._evidence = PortEvidence()
        self._in_force = names.changes
        self._read_for: tuple[Mapping[Address, str], object] | None = None
        self._problem = ""

    @property
    def problem(self) -> str:
        """Why names may be missing; "" if none are."""
        return self._problem

    def files_changed(self) -> None:
        """/etc/hosts or resolv.conf may have changed."""
        self._look.set()

    def answer_changed(self, domain: str) -> None:  # part of AnswerListener
        """DNS has a new answer. Each look takes all of them."""
        self._look.set()

    async def run(self) -> None:
        """Until cancelled; then save the names."""
        asking = [] if self._dns is None else [self._dns.run(self)]
        await follow_audits(self._daemon, self._audited, self._saver, [*asking, self._follow()])

    def _audited(self) -> None:
        """There was an audit: other addresses may be held, and it may show what the names should serve."""
        snapshot, now = self._daemon.snapshot, self._clock.now().monotonic
        if snapshot is None:
            return
        if self._read_for is None or self._read_for[0] is not self._daemon.victims.interfaces:
            self._look.set()
        if self._evidence.is_new(snapshot, now):
            within = self._config.current.policy.victims.within
            self._names.observe(snapshot.domains, snapshot.refused, now, within)
        if self._names.changes != self._in_force:
            self._look.set()

    async def _follow(self) -> None:
        while True:
            await self._look.wait()
            self._look.clear()
            if self._daemon.snapshot is None:
                continue  # nobody knows yet which addresses are held
            began = self._clock.now().monotonic
            try:
                await self._read()
            except NoThreadError:
                self._look.set()
                await asyncio.sleep(_THREAD_AFTER)
                continue
            await self._put_into_force()
            took = self._clock.now().monotonic - began
            await asyncio.sleep(max(_PACE, took * _REST))

    async def _read(self) -> None:
        """Read the files again if they, or the addresses, have changed. Raises NoThreadError."""
        read_for = self._daemon.victims.interfaces, self._candidates.seen()
        before = self._read_for
        if before is not None and read_for[0] is before[0] and read_for[1] == before[1]:
            return
        held = frozenset(read_for[0])
        read = await self._threads.run_blocking(self._candidates.read, held)
        self._read_for = read_for
        self._candidates.ask(held, read)

    async def _put_into_force(self) -> None:
        names, candidates = self._names, self._candidates
        leading = await with_breaks(candidates.leading())
        too_many = names.replace(leading, self._clock.now().monotonic, asked=candidates.answered)
        self._problem = candidates.problem
        if too_many:
            self._problem = "; ".join(filter(None, (self._problem, TOO_MANY)))
        if names.changes != self._in_force:
            self._in_force = names.changes
            self._config.learned_changed()
            self._saver.save_soon()


TOO_MANY = "names.learn: more names lead here than are followed"
