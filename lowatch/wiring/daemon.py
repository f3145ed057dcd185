"""`lowatch run`: the daemon, its web pages, and what signals and changed files ask of them."""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from resource import RLIMIT_NOFILE, getrlimit
from typing import NamedTuple

from lowatch import __version__
from lowatch.app import ports
from lowatch.app.announcer import Announcer
from lowatch.app.auditor import Auditor
from lowatch.app.daemon import Daemon, Meter
from lowatch.app.finding_tracker import FindingTracker
from lowatch.app.host_events import AuditorHints
from lowatch.app.names_follower import NamesFollower, watched_paths
from lowatch.app.pending_restart import Pending, pending
from lowatch.app.reload import Reload, describe_config, warn_of_problems
from lowatch.app.state_saver import StateSaver
from lowatch.app.supervision import Supervision
from lowatch.config.settings import Config
from lowatch.core.audit import Audit
from lowatch.core.clock import Clock
from lowatch.core.listeners import Endpoint
from lowatch.core.liveness import LivenessMonitor
from lowatch.core.policy import Policy, ports_of
from lowatch.files.threads import DaemonThreads, Threads, thread_problem
from lowatch.files.watch import FileWatch
from lowatch.kernel.host import Host
from lowatch.kernel.probe import Outcome, Prober
from lowatch.kernel.request_socket import NetlinkError
from lowatch.report.metrics.audit import AuditEncoder
from lowatch.report.metrics.exposition import Format
from lowatch.report.metrics.instruments import Instruments
from lowatch.report.status import DaemonStatus
from lowatch.report.text.status_line import starting_line, status_line, waits_for
from lowatch.resolve.system.name_service_files import NAME_PATHS
from lowatch.service.directories import runtime_directory, state_directory
from lowatch.service.http.activation import passed_sockets
from lowatch.service.http.connection import ClientLimits
from lowatch.service.http.content import Content, Encodings
from lowatch.service.http.control_socket import (
    CONTROL_LIMITS,
    ControlError,
    control_listening,
    control_server,
)
from lowatch.service.http.guard import Hosts
from lowatch.service.http.listen import ListenError, bound_to, listening
from lowatch.service.http.message import Routes
from lowatch.service.http.routes import ControlPages, Pages, build_control_routes, build_routes
from lowatch.service.http.server import HttpServer
from lowatch.service.journal.sink import JournalSink, stderr_is_journal
from lowatch.service.loop import metered_loop
from lowatch.service.notify import Notifier, watchdog_interval
from lowatch.service.process import Process
from lowatch.service.state_file import StateFile

from .build import (
    StartError,
    SystemClock,
    build_auditor,
    build_resolver,
    collect_rarely,
    give_memory_back,
    opened_host,
    with_problems,
)
from .descriptors import ALL, shares
from .versions import build

_TURN = 0.0005
"""Seconds, instead of 5 ms, for which a thread that parses a file keeps the interpreter from the loop."""
_AUDITED_BY = 2.0
"""Seconds, by a long way."""

_log = logging.getLogger("lowatch")


def run(config: Config, load: Callable[[], Config]) -> int:
    """The daemon, until SIGTERM or SIGINT. The exit code. load: reads the configuration anew.

    Raises StartError.
    """
    collect_rarely()
    sys.setswitchinterval(_TURN)
    faulthandler.enable(file=2)  # the watchdog's SIGABRT shows where every thread was
    try:
        with _listening(config) as sockets:
            service = _Service(config, load)
            with asyncio.Runner(loop_factory=metered_loop(service.on_turn)) as runner:
                runner.run(service.run(sockets))
    except (ListenError, ControlError) as error:
        raise StartError(str(error)) from None
    return 0


def build_daemon(
    auditor: Auditor,
    host: ports.Host,
    resolver: ports.Resolver,
    policy: Policy,
    clock: Clock,
    alerts: ports.AlertSink,
    store: ports.StateStore,
    meter: Meter,
    threads: Threads,
) -> Daemon:
    """A daemon that goes on with the findings that the store has."""
    tracker = FindingTracker(policy, store.load(), clock.now())
    announcer = Announcer(tracker, alerts, StateSaver(store, threads, clock), clock)
    return Daemon(auditor, host, resolver, tracker, announcer, clock, meter)


class _Sockets(NamedTuple):
    """Where the web pages and the control routes are asked for. activated: systemd passed those of web."""

    web: list[socket.socket]
    control: list[socket.socket]
    activated: bool


@contextmanager
def _listening(config: Config) -> Iterator[_Sockets]:
    """The control socket first: it knows another lowatch by its pid.

    web: what systemd passed on or, without that, where web.listen says.
    """
    with (
        control_listening(runtime_directory(os.environ)) as control,
        passed_sockets(os.environ) as passed,
        listening(() if passed else config.web.listen) as opened,
    ):
        yield _Sockets(passed or opened, control, bool(passed))


class _Service:
    """The daemon, its web pages, and what signals ask of them. Made inside the loop's process."""

    def __init__(self, config: Config, load: Callable[[], Config]) -> None:
        self._config = config
        self._started = SystemClock().now().monotonic
        self._at_start = config
        self._activated = False
        self._instruments = Instruments(build())
        self.on_turn = self._instruments.loop.on_turn
        self._process = Process()
        self._store = StateFile(state_directory(os.environ))
        self._encoder = AuditEncoder()
        self._shares = shares(getrlimit(RLIMIT_NOFILE)[0])
        if self._shares != ALL:
            _log.warning("RLIMIT_NOFILE is low, so there are at most %s", self._shares)
        encodings = Encodings()
        self._server = HttpServer(
            {}, replace(ClientLimits(), **self._shares.web._asdict()), encodings=encodings
        )
        self._reload = Reload(load, lambda: self._config, self._take_anew, self._pending, self._instruments)
        self._control = control_server(
            build_control_routes(ControlPages(self._audit, self._status, self._reload.now)),
            encodings,
            replace(CONTROL_LIMITS, **self._shares.control._asdict()),
        )
        self._shown: Audit | None = None
        self._shown_of: Audit | None = None
        self._shown_with: tuple[Config, str] | None = None

    async def run(self, sockets: _Sockets) -> None:
        self._activated = sockets.activated
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload.request)
        journal = JournalSink(
            loop,
            enabled=self._config.journal_enabled,
            echo=not stderr_is_journal(os.environ),
            intents=self._store,
        )
        with (
            opened_host(self._config.policy) as host,
            closing(journal),
            closing(Prober(self._shares.probes)) as prober,
        ):
            self._build(host, journal, prober)
            with self._watching_files():
                async with asyncio.TaskGroup() as group:
                    tasks = [
                        group.create_task(self._daemon.run()),
                        group.create_task(self._server.serve(sockets.web)),
                        group.create_task(self._control.serve(sockets.control)),
                        group.create_task(self._reload.run()),
                        group.create_task(self._names.run()),
                        group.create_task(self._settle()),
                        group.create_task(self._supervision.run()),
                    ]
                    self._log_start(sockets.web)
                    await stop.wait()
                    _log.info("stopping")
                    for task in tasks:
                        task.cancel()

    def _log_start(self, web: list[socket.socket]) -> None:
        path = self._config.web.telemetry_path
        places = ", ".join(f"http://{bound_to(one)}{path}" for one in web)
        what = describe_config(self._config)
        _log.info("lowatch %s started: %s, metrics at %s", __version__, what, places)

    def _build(self, host: Host, journal: JournalSink, prober: Prober) -> None:
        policy, clock = self._config.policy, SystemClock()
        self._host, self._journal = host, journal
        self._engine, self._views = build_resolver(self._config, policy, host, self._instruments.queries)
        auditor = build_auditor(host, self._views, policy, prober)
        self._daemon = build_daemon(
            auditor,
            host,
            self._views,
            policy,
            clock,
            journal,
            self._store,
            self._instruments,
            DaemonThreads(),
        )
        prober.tell_late(_late_answers(auditor, self._daemon))
        self._server.routes = self._routes()
        self._monitor = LivenessMonitor()
        self._names = NamesFollower(lambda: self._config, self._take)
        self._supervision = Supervision(
            Notifier(os.environ.get("NOTIFY_SOCKET", "")),
            watchdog_interval(os.environ),
            self._daemon,
            [self._daemon, self._engine, host],
            self._monitor,
            self,
            clock,
        )
        warn_of_problems(self._config)
        self._instruments.config_loaded(clock.now().wall)
        try:
            host.follow(
                ports_of(policy.domains), AuditorHints(auditor, self._instruments, self._daemon.wake)
            )
        except NetlinkError as error:
            raise StartError(f"netlink: {error}") from None

    def line(self) -> str:
        daemon, statuses = self._daemon, self._views.statuses
        if not daemon.ready:
            return starting_line(statuses, self._engine.unasked)
        return status_line(daemon.held, statuses, daemon.tracked)

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
        return [*NAME_PATHS, *watched_paths(self._config)]

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
            hosts=Hosts((os.uname().nodename, *(place.host for place in web.listen)), web.hosts),
            reload=self._reload.now if web.enable_reload else None,
        )
        return build_routes(pages, web.telemetry_path)

    def _audit(self) -> Audit | None:
        """As the pages show it: the same object until there is another."""
        audit = self._daemon.audit
        shown_with = self._config, thread_problem()
        if audit is not self._shown_of or self._shown_with != shown_with:
            self._shown_of, self._shown_with = audit, shown_with
            self._shown = None if audit is None else with_problems(audit, self._config)
        return self._shown

    def _pending(self) -> tuple[Pending, ...]:
        return pending(self._at_start, self._config, activated=self._activated)

    def _status(self) -> DaemonStatus:
        now, instruments = SystemClock().now(), self._instruments
        return DaemonStatus(
            version=__version__,
            pid=os.getpid(),
            now=now.wall,
            monotonic=now.monotonic,
            started=now.wall - (now.monotonic - self._started),
            interfaces=self._config.policy.interfaces,
            audit=self._audit(),
            audit_seconds=instruments.audit_seconds,
            waits_for="" if self._daemon.ready else waits_for(self._engine.unasked),
            dns_lag=instruments.queries.lag,
            netlink_overruns=instruments.overruns,
            netlink_resyncs=instruments.resyncs,
            journal_waiting=self._journal.waiting if self._at_start.journal_enabled else None,
            journal_dropped=self._journal.dropped,
            last_reload=self._reload.last,
            reload_pending={one.key: str(one) for one in self._pending()},
            config_files=tuple(map(str, self._config.files)),
            config_problems=tuple(map(str, self._config.problems)),
            liveness=self._monitor.latest,
        )

    def _metrics(self, form: Format) -> Content:
        """What an audit gives is rendered once for all who ask; the counters are each scrape's own."""

        def of_the_audit() -> Iterator[bytes]:
            audit = self._daemon.audit
            if audit is None:
                return iter(())
            return self._encoder.pieces(audit, dict(self._daemon.orphans), form)

        def counters() -> bytes:
            return self._instruments.scrape(
                self._process.usage(),
                form,
                series_dropped=self._encoder.dropped,
                journal_dropped=self._journal.dropped,
            )

        return Content("metrics", form.name, lambda: self._daemon.audit, of_the_audit, counters)

    def _take_anew(self, config: Config) -> None:
        """One that was just read; though one of its files of names may have changed since."""
        self._take(config)
        self._names.look()

    def _take(self, config: Config) -> None:
        """Go by this one from now on."""
        before, self._config = self._config, config
        if config.dns != before.dns:
            self._engine.replace_settings(config.dns)
        self._host.replace_watches(config.policy.watches)
        self._daemon.replace_policy(config.policy)
        self._server.routes = self._routes()
        self._watch.replace_paths(self._watched_paths())


def _late_answers(auditor: Auditor, daemon: Daemon) -> Callable[[Endpoint, Outcome], None]:
    """What a connect met for which nobody waited any longer."""

    def answered(endpoint: Endpoint, met: Outcome) -> None:
        auditor.connect_answered(endpoint, met)
        daemon.wake()

    return answered
