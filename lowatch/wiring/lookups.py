"""Builds what learns names from lookups. The daemon without [names] learn imports none of it."""

from __future__ import annotations

import os
from collections.abc import Coroutine, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from lowatch.app.config_in_force import ConfigInForce
from lowatch.app.daemon import Daemon
from lowatch.app.learner import Learner
from lowatch.app.shown_audit import LookupSource
from lowatch.config.settings import Config
from lowatch.core.learned_names import LearnedNames
from lowatch.core.name_sources import NameSource
from lowatch.core.own_lookups import OwnLookups
from lowatch.files.threads import Threads
from lowatch.kernel.host import Host
from lowatch.resolve.system.getaddrinfo import AddressLookups
from lowatch.resolve.system.noted_lookups import NotedLookups
from lowatch.resolve.upstream.channel import QueryObserver
from lowatch.resolve.upstream.noted_queries import NotedQueries
from lowatch.service.learned_file import LearnedFile, render_learned
from lowatch.service.lookups.dnstap_server import SOCKET_NAME, DnstapServer, dnstap_listening
from lowatch.service.lookups.resolved_subscriber import ResolvedSubscriber

from .build import StartError, SystemClock


class Learning:
    """names: what the last run had learned. own: notes what the resolver asks for itself."""

    def __init__(self, config: Config, directory: Path | None) -> None:
        """directory: for state; None to keep none."""
        self._settings = config.names
        self._clock = SystemClock()
        self._file = LearnedFile(directory)
        self._own = OwnLookups()
        self.names = LearnedNames(config.names.forget_after)
        now = self._clock.now()
        self.names.restore(self._file.load(now))
        self.names.forget(now.monotonic)

    def observer(self, counted: QueryObserver) -> QueryObserver:
        return NotedQueries(counted, self._own)

    def lookups(self) -> AddressLookups:
        return NotedLookups(self._own, self._clock)

    def readers(
        self,
        config: ConfigInForce,
        daemon: Daemon,
        host: Host,
        threads: Threads,
        runtime: Path | None,
        stack: ExitStack,
    ) -> Readers:
        """What reads lookups. runtime: the directory for the socket. Raises StartError."""
        learner = Learner(
            self.names,
            config,
            daemon,
            host,
            self._own,
            self._file,
            render_learned,
            threads,
            self._clock,
            os.uname().nodename,
        )
        sources: list[LookupSource] = []
        running = [learner.run()]
        if NameSource.DNSTAP in self._settings.learn:
            try:
                listener = stack.enter_context(dnstap_listening(runtime))
            except OSError as error:
                raise StartError(f"dnstap: {SOCKET_NAME}: {error.strerror or error}") from None
            server = DnstapServer(learner, listener)
            sources.append(server)
            running.append(server.run())
        if NameSource.RESOLVED in self._settings.learn:
            subscriber = ResolvedSubscriber(learner)
            sources.append(subscriber)
            running.append(subscriber.run())
        return Readers(running, sources)


class Readers(NamedTuple):
    """running: to be run until cancelled. sources: those whose problems are shown."""

    running: Sequence[Coroutine[Any, Any, None]] = ()
    sources: Sequence[LookupSource] = ()
