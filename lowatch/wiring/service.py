"""`lowatch run`: the daemon, its web pages, and what signals and changed files ask of them."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from lowatch import __version__
from lowatch.app.daemon import Daemon
from lowatch.app.hints import AuditorHints
from lowatch.config.errors import ConfigErrors
from lowatch.config.schema import Config
from lowatch.core.audit import Audit
from lowatch.core.policy import ports_of
from lowatch.kernel.host import Host
from lowatch.kernel.netlink import NetlinkError
from lowatch.kernel.watch import FileWatch
from lowatch.report.metrics import AuditEncoder
from lowatch.report.metrics_instruments import Instruments
from lowatch.resolve.hosts import HOST_CONF, HOSTS
from lowatch.resolve.nameservers import RESOLV_CONF
from lowatch.resolve.nsswitch import NSSWITCH_CONF
from lowatch.service.http import HttpServer
from lowatch.service.http_listen import ListenError, describe, listening
from lowatch.service.http_message import Routes
from lowatch.service.journal import JournalSink, stderr_is_journal
from lowatch.service.process import Process
from lowatch.service.routes import Pages, build_routes
from lowatch.service.state import StateFile, state_directory

from .names import NamesFollower, lost_files, watched_paths
from .parts import (
    StartError,
    SystemClock,
    build_auditor,
    build_resolver,
    collect_rarely,
    give_memory_back,
    opened_host,
    with_problems,
)

_AUDITED_BY = 2.0
"""Seconds, by a long way."""

_log = logging.getLogger("lowatch")


def run(config: Config, load: Callable[[], Config]) -> int:
    """The daemon, until SIGTERM or SIGINT. The exit code. load: reads the configuration anew.

    Raises StartError.
    """
    collect_rarely()
    if config.web.config_file:
        # Whoever asks for TLS or passwords must not be served without them.
        raise StartError("web.config_file: this version has neither TLS nor basic auth, not starting")
    try:
        with listening(config.web.listen) as sockets:
            asyncio.run(_Service(config, load).run(sockets))
    except ListenError as error:
        raise StartError(str(error)) from None
    return 0


class _Service:
    """The daemon, its web pages, and what signals ask of them. Made inside the loop's process."""

    def __init__(self, config: Config, load: Callable[[], Config]) -> None:
        self._config = config
        self._load = load
        self._instruments = Instruments(__version__)
        self._process = Process()
        self._encoder = AuditEncoder()
        self._server = HttpServer({})
        self._reload = asyncio.Event()
        self._reloading = asyncio.Lock()
        self._shown: Audit | None = None
        self._shown_of: Audit | None = None
        self._shown_with: Config | None = None

    async def run(self, sockets: Sequence[socket.socket]) -> None:
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload.set)
        journal = JournalSink(
            loop,
            enabled=self._config.journal_enabled,
            echo=not stderr_is_journal(os.environ),
        )
        with opened_host(self._config.policy) as host, closing(journal):
            self._build(host, journal)
            with self._watching_files():
                async with asyncio.TaskGroup() as group:
                    tasks = [
                        group.create_task(self._daemon.run()),
                        group.create_task(self._server.serve(sockets)),
                        group.create_task(self._reload_on_request()),
                        group.create_task(self._names.run()),
                        group.create_task(self._settle()),
                    ]
                    _log.info("lowatch %s started: %s", __version__, _describe(self._config))
                    await stop.wait()
                    _log.info("stopping")
                    for task in tasks:
                        task.cancel()

    def _build(self, host: Host, journal: JournalSink) -> None:
        policy, clock = self._config.policy, SystemClock()
        self._host, self._journal = host, journal
        self._engine, self._views = build_resolver(self._config, policy, host, self._instruments.queries)
        auditor = build_auditor(host, self._views, policy)
        store = StateFile(state_directory(os.environ))
        self._daemon = Daemon(auditor, host, self._views, policy, clock, journal, store, self._instruments)
        self._server.routes = self._routes()
        self._names = NamesFollower(lambda: self._config, self._take)
        self._warn_of_problems(self._config)
        self._instruments.config_loaded(clock.now().wall)
        try:
            host.follow(
                ports_of(policy.domains), AuditorHints(auditor, self._instruments, self._daemon.wake)
            )
        except NetlinkError as error:
            raise StartError(f"netlink: {error}") from None

    async def _settle(self) -> None:
        """Once every name has been asked for, and the audit that followed has been made."""
        await self._views.settled()
        await asyncio.sleep(_AUDITED_BY)
        give_memory_back()

    @contextmanager
    def _watching_files(self) -> Iterator[None]:
        self._watch = FileWatch(self._watched_paths(), self._files_changed)
        self._watch.open()
        try:
            yield
        finally:
            self._watch.close()

    def _watched_paths(self) -> list[Path]:
        return [HOSTS, NSSWITCH_CONF, HOST_CONF, RESOLV_CONF, *watched_paths(self._config)]

    def _files_changed(self) -> None:
        self._engine.files_changed()
        self._views.files_changed()
        self._names.look()

    def _routes(self) -> Routes:
        web = self._config.web
        pages = Pages(
            audit=self._audit,
            ready=lambda: self._daemon.ready,
            metrics=self._metrics,
            version=__version__,
            reload=self._reload_now if web.enable_reload else None,
        )
        return build_routes(pages, web.telemetry_path)

    def _audit(self) -> Audit | None:
        """As the pages show it: the same object until there is another."""
        audit = self._daemon.audit
        if audit is not self._shown_of or self._shown_with is not self._config:
            self._shown_of, self._shown_with = audit, self._config
            self._shown = None if audit is None else with_problems(audit, self._config)
        return self._shown

    def _metrics(self) -> bytes:
        audit = self._daemon.audit
        rendered = None if audit is None else self._encoder.render(audit, self._daemon.orphans.items())
        return self._instruments.scrape(
            rendered, self._process.usage(), journal_dropped=self._journal.dropped
        )

    async def _reload_on_request(self) -> None:
        """SIGHUPs that come together are one."""
        while True:
            await self._reload.wait()
            self._reload.clear()
            await self._reload_now()

    async def _reload_now(self) -> str:
        """Take the new configuration over whole, or keep the old one. "", or what is wrong."""
        async with self._reloading:
            return await self._reload_alone()

    async def _reload_alone(self) -> str:
        try:
            config = await asyncio.to_thread(self._load)  # 100,000 names take a moment
            self._refuse_lost_names(config)
            before = self._config
            self._take(config)
            self._names.look()  # one of its files may have changed since it was read
        except ConfigErrors as errors:
            self._instruments.config_refused()
            _log.error("reload failed, the old configuration goes on:\n%s", errors)
            return str(errors)
        except Exception as error:
            self._instruments.config_refused()
            _log.exception("reload failed, the old configuration goes on")
            return f"{type(error).__name__}: {error}"
        self._warn_of_restart(before, config)
        self._warn_of_problems(config)
        self._instruments.config_loaded(SystemClock().now().wall)
        _log.info("configuration reloaded: %s", _describe(config))
        return ""

    def _warn_of_restart(self, before: Config, after: Config) -> None:
        for key in ("listen", "config_file"):
            if getattr(after.web, key) != getattr(before.web, key):
                _log.warning("web.%s has changed: that takes a restart, ignoring", key)
        if after.journal_enabled != before.journal_enabled:
            _log.warning("journal.enabled has changed: that takes a restart, ignoring")

    def _refuse_lost_names(self, config: Config) -> None:
        """A file of names that could be read before, and cannot now, would end their findings."""
        lost = lost_files(self._config, config)
        if lost:
            raise ConfigErrors(problem for problem in config.problems if problem.file in lost)

    def _warn_of_problems(self, config: Config) -> None:
        for problem in config.problems:
            _log.warning("%s, continuing", problem)

    def _take(self, config: Config) -> None:
        """Go by this one from now on."""
        before, self._config = self._config, config
        if config.dns != before.dns:
            self._engine.replace_settings(config.dns)
        self._host.replace_watches(config.policy.watches)
        self._daemon.replace_policy(config.policy)
        self._server.routes = self._routes()
        self._watch.replace_paths(self._watched_paths())


def _describe(config: Config) -> str:
    count = len(config.policy.domains)
    places = ", ".join(
        f"http://{describe(place)}{config.web.telemetry_path}" for place in config.web.listen
    )
    return f"watching {', '.join(config.policy.interfaces)} for {count} domains, metrics at {places}"
