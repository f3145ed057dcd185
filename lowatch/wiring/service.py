"""`lowatch run`: builds the daemon and its servers, and runs them until a signal ends them."""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import os
import signal
import socket
import sys
from collections.abc import Coroutine, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from resource import RLIMIT_NOFILE, getrlimit
from typing import Any, NamedTuple

from lowatch import __version__
from lowatch.app.auditor_hints import AuditorHints
from lowatch.app.config_in_force import ConfigInForce, watched_paths
from lowatch.app.names_follower import NamesFollower
from lowatch.app.reload import ConfigLoader, Reload, describe_config, warn_of_problems
from lowatch.app.shown_audit import ShownAudit
from lowatch.app.status import StatusReporter
from lowatch.app.supervision import Supervision
from lowatch.config.settings import Config
from lowatch.core.liveness import LivenessMonitor
from lowatch.core.policy import ports_of
from lowatch.files.threads import DaemonThreads
from lowatch.files.watch import FileWatch
from lowatch.kernel.host import Host
from lowatch.kernel.host_events import Hints
from lowatch.kernel.probe import Prober
from lowatch.kernel.request_socket import NetlinkError
from lowatch.report.metrics.instruments import Instruments
from lowatch.resolve.system.name_service_files import NAME_PATHS
from lowatch.service.directories import runtime_directory, state_directory
from lowatch.service.http.activation import passed_sockets
from lowatch.service.http.connection import ClientLimits
from lowatch.service.http.content import Encodings
from lowatch.service.http.control_socket import (
    CONTROL_LIMITS,
    ControlError,
    control_listening,
    control_server,
)
from lowatch.service.http.listen import ListenError, bound_to, listening
from lowatch.service.http.routes import ConfiguredRoutes, ControlPages, build_control_routes
from lowatch.service.http.server import HttpServer
from lowatch.service.journal.sink import JournalSink, stderr_is_journal
from lowatch.service.loop import metered_loop
from lowatch.service.memory import give_back_after_start
from lowatch.service.metrics_page import MetricsPage
from lowatch.service.notify import Notifier, watchdog_interval
from lowatch.service.process import Process
from lowatch.service.state_file import StateFile

from .build import StartError, SystemClock, build_auditor, build_resolver, collect_rarely, opened_host
from .daemon import build_daemon
from .descriptors import ALL, Shares, shares
from .versions import build

_SWITCH_INTERVAL = 0.0005
"""Seconds, instead of 5 ms, for which a thread that parses a file keeps the interpreter from the loop."""

_log = logging.getLogger("lowatch")


def run(config: Config, loader: ConfigLoader) -> int:
    """The daemon, until SIGTERM or SIGINT. Returns the exit code. Raises StartError."""
    collect_rarely()
    sys.setswitchinterval(_SWITCH_INTERVAL)
    faulthandler.enable(file=2)  # the watchdog's SIGABRT shows where every thread was
    instruments = Instruments(build())
    try:
        with (
            _listening(config) as sockets,
            asyncio.Runner(loop_factory=metered_loop(instruments.loop)) as runner,
        ):
            runner.run(_serve(config, loader, sockets, instruments))
    except (ListenError, ControlError) as error:
        raise StartError(str(error)) from None
    return 0


class _Sockets(NamedTuple):
    """The listening sockets of both servers. activated: whether systemd passed those of web."""

    web: list[socket.socket]
    control: list[socket.socket]
    activated: bool


@contextmanager
def _listening(config: Config) -> Iterator[_Sockets]:
    """The control socket comes first, because it reports another lowatch with its pid.

    web: what systemd passed on or, without that, where web.listen says.
    """
    with (
        control_listening(runtime_directory(os.environ)) as control,
        passed_sockets(os.environ) as passed,
        listening(() if passed else config.web.listen) as opened,
    ):
        yield _Sockets(passed or opened, control, bool(passed))


async def _serve(config: Config, loader: ConfigLoader, sockets: _Sockets, instruments: Instruments) -> None:
    """Until SIGTERM or SIGINT; SIGHUP reloads."""
    stop, hangup = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, hangup.set)
    with ExitStack() as stack:
        running = _build(config, loader, sockets, instruments, hangup, stack)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one) for one in running]
            _log_start(config, sockets.web)
            await stop.wait()
            _log.info("stopping")
            for task in tasks:
                task.cancel()


def _build(
    config: Config,
    loader: ConfigLoader,
    sockets: _Sockets,
    instruments: Instruments,
    hangup: asyncio.Event,
    stack: ExitStack,
) -> list[Coroutine[Any, Any, None]]:
    """Build all parts, each complete when constructed. Returns what is to run until it is cancelled.

    stack: closes the parts that hold descriptors.
    """
    policy, clock, threads = config.policy, SystemClock(), DaemonThreads()
    started, descriptors = clock.now(), _descriptor_shares()
    store = StateFile(state_directory(os.environ))
    host = stack.enter_context(opened_host(policy))
    journal = stack.enter_context(closing(_journal(config, store)))
    prober = stack.enter_context(closing(Prober(descriptors.probes)))

    engine, views = build_resolver(config, policy, host, instruments.queries)
    auditor = build_auditor(host, views, policy, prober)
    daemon = build_daemon(auditor, host, views, policy, clock, journal, store, instruments, threads)
    watch = FileWatch(watched_paths(config, NAME_PATHS))
    current = ConfigInForce(config, engine, host, daemon, watch, NAME_PATHS, activated=sockets.activated)
    names = NamesFollower(current, threads, clock)
    reload = Reload(loader, current, names, instruments, threads, clock)

    shown, monitor = ShownAudit(daemon, current), LivenessMonitor()
    status = StatusReporter(
        version=__version__,
        pid=os.getpid(),
        started=started,
        daemon=daemon,
        shown=shown,
        engine=engine,
        resolver=views,
        config=current,
        alerts=journal,
        counted=instruments,
        reload=reload,
        monitor=monitor,
        clock=clock,
    )
    supervision = Supervision(
        Notifier(os.environ.get("NOTIFY_SOCKET", "")),
        watchdog_interval(os.environ),
        daemon,
        [daemon, engine, host],
        monitor,
        status,
        clock,
    )
    metrics, encodings = MetricsPage(daemon, instruments, Process(), journal), Encodings()
    routes = ConfiguredRoutes(shown, metrics, reload, current, os.uname().nodename)
    web = HttpServer(routes, replace(ClientLimits(), **descriptors.web._asdict()), encodings=encodings)
    control = control_server(
        build_control_routes(ControlPages(shown, status, reload)),
        encodings,
        replace(CONTROL_LIMITS, **descriptors.control._asdict()),
    )

    warn_of_problems(config)
    instruments.config_loaded(clock.now().wall)
    _follow(host, config, AuditorHints(auditor, daemon, instruments))
    stack.enter_context(closing(watch))
    watch.open(engine, views, names)
    return [
        daemon.run(),
        web.serve(sockets.web),
        control.serve(sockets.control),
        reload.run(),
        reload.request_whenever(hangup),
        names.run(),
        give_back_after_start(views),
        supervision.run(),
    ]


def _journal(config: Config, store: StateFile) -> JournalSink:
    return JournalSink(
        asyncio.get_running_loop(),
        enabled=config.journal_enabled,
        echo=not stderr_is_journal(os.environ),
        intents=store,
    )


def _descriptor_shares() -> Shares:
    found = shares(getrlimit(RLIMIT_NOFILE)[0])
    if found != ALL:
        _log.warning("RLIMIT_NOFILE is low; allowing at most %s", found)
    return found


def _follow(host: Host, config: Config, hints: Hints) -> None:
    """Raises StartError."""
    try:
        host.follow(ports_of(config.policy.domains), hints)
    except NetlinkError as error:
        raise StartError(f"netlink: {error}") from None


def _log_start(config: Config, web: list[socket.socket]) -> None:
    places = ", ".join(f"http://{bound_to(one)}{config.web.telemetry_path}" for one in web)
    _log.info("lowatch %s started: %s, metrics at %s", __version__, describe_config(config), places)
