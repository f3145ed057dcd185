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
from pathlib import Path
from resource import RLIMIT_NOFILE, getrlimit
from typing import TYPE_CHECKING, Any, NamedTuple

from lowatch import __version__
from lowatch.app.auditor_hints import AuditorHints
from lowatch.app.config_in_force import ConfigInForce, watched_paths, with_learned
from lowatch.app.names_follower import NamesFollower
from lowatch.app.recorder import Recorder
from lowatch.app.reload import ConfigLoader, Reload, describe_config, warn_of_problems
from lowatch.app.shown_audit import ShownAudit
from lowatch.app.status import StatusReporter
from lowatch.app.supervision import Supervision
from lowatch.config.settings import Config
from lowatch.core.liveness import LivenessMonitor
from lowatch.core.policy import Policy, ports_of
from lowatch.files.threads import DaemonThreads
from lowatch.files.watch import FileWatch
from lowatch.kernel.host import Host
from lowatch.kernel.host_events import Hints
from lowatch.kernel.own_clients import OwnClients
from lowatch.kernel.probe import Prober
from lowatch.kernel.request_socket import NetlinkError
from lowatch.report.metrics.instruments import Instruments
from lowatch.resolve.system.name_service_files import NAME_PATHS
from lowatch.service.directories import runtime_directory, state_directory
from lowatch.service.http.activation import passed_sockets, passed_trace
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
from lowatch.service.served_file import ServedFile
from lowatch.service.state_file import StateFile

from .build import StartError, SystemClock, build_auditor, build_resolver, collect_rarely, opened_host
from .daemon import build_daemon
from .descriptors import ALL, Shares, shares
from .name_finders import NameFinders
from .versions import build
from .zones import FollowedZones, read_at_start

if TYPE_CHECKING:
    from .own_netns import NetnsWatch

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
        with _listening(config) as sockets:
            if config.netns:
                from .own_netns import enter  # noqa: PLC0415  # only for --netns

                enter(config.netns)
            with asyncio.Runner(loop_factory=metered_loop(instruments.loop)) as runner:
                lost = runner.run(_serve(config, loader, sockets, instruments))
    except (ListenError, ControlError) as error:
        raise StartError(str(error)) from None
    if not lost:
        return 0
    from .own_netns import exit_code  # noqa: PLC0415

    return exit_code(config.netns)


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


async def _serve(config: Config, loader: ConfigLoader, sockets: _Sockets, instruments: Instruments) -> bool:
    """Until SIGTERM or SIGINT, or until the network namespace is lost: returns whether it is."""
    stop, hangup = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, hangup.set)
    netns = _netns_watch(config, stop)
    with ExitStack() as stack:
        running = _build(config, loader, sockets, instruments, hangup, netns, stack)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one) for one in running]
            _log_start(config, sockets.web)
            await stop.wait()
            _log.info("stopping")
            for task in tasks:
                task.cancel()
    return any(one.lost for one in netns)


def _netns_watch(config: Config, stop: asyncio.Event) -> list[NetnsWatch]:
    """What notices that its network namespace lost its name; none without --netns."""
    if not config.netns:
        return []
    from .own_netns import NetnsWatch  # noqa: PLC0415  # only for --netns

    return [NetnsWatch(config.netns, stop)]


def _build(
    configured: Config,
    loader: ConfigLoader,
    sockets: _Sockets,
    instruments: Instruments,
    hangup: asyncio.Event,
    netns: list[NetnsWatch],
    stack: ExitStack,
) -> list[Coroutine[Any, Any, None]]:
    """Build all parts, each complete when constructed. Returns what is to run until it is cancelled.

    netns: notices that its network namespace lost its name. stack: closes the parts that hold descriptors.
    """
    clock, threads = SystemClock(), DaemonThreads()
    started, descriptors = clock.now(), _descriptor_shares()
    directory = state_directory(os.environ)
    store, served = StateFile(directory), ServedFile(directory)
    host = stack.enter_context(opened_host(configured.policy))
    notifier = Notifier(os.environ.get("NOTIFY_SOCKET", ""))
    config, zones = read_at_start(configured, host, store, notifier)
    finders = NameFinders(config, directory, clock)
    policy = with_learned(config, finders.names)
    journal = stack.enter_context(closing(_journal(config, store)))
    own = OwnClients()
    prober = stack.enter_context(closing(Prober(descriptors.probes, own)))

    queries = finders.observer(instruments.queries)
    engine, views = build_resolver(config, policy, host, queries, lookups=finders.lookups())
    auditor = build_auditor(host, views, policy, prober, config.netns)
    daemon = build_daemon(auditor, host, views, policy, clock, journal, store, served, instruments, threads)
    paths = [*NAME_PATHS, *finders.paths, *(one.path for one in netns)]
    watch = FileWatch(watched_paths(config, paths))
    current = ConfigInForce(
        configured,
        finders.engines(engine, host, queries),
        host,
        daemon,
        watch,
        paths,
        activated=sockets.activated,
        learned=finders.names,
        zones=zones,
    )
    names = NamesFollower(current, threads, clock)
    zones_followed = FollowedZones(current, host, daemon, threads, clock)
    reload = Reload(loader, current, names, instruments, threads, clock)

    found = finders.parts(current, daemon, host, threads, stack)
    shown, monitor = ShownAudit(daemon, current, found.sources), LivenessMonitor()
    status = StatusReporter(
        version=__version__,
        pid=os.getpid(),
        started=started,
        daemon=daemon,
        shown=shown,
        host=host,
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
        notifier,
        watchdog_interval(os.environ),
        daemon,
        [daemon, engine, host, *found.beating],
        monitor,
        status,
        clock,
    )
    metrics = MetricsPage(daemon, instruments, Process(), journal, config.netns)
    encodings = Encodings()
    routes = ConfiguredRoutes(shown, metrics, reload, current, os.uname().nodename)
    web = HttpServer(routes, replace(ClientLimits(), **descriptors.web._asdict()), encodings=encodings)
    control = control_server(
        build_control_routes(
            ControlPages(shown, status, reload, Recorder(daemon, current), daemon, engine)
        ),
        encodings,
        replace(CONTROL_LIMITS, **descriptors.control._asdict()),
    )

    warn_of_problems(config)
    instruments.config_loaded(clock.now().wall)
    _follow(host, policy, AuditorHints(auditor, daemon, instruments), own)
    stack.enter_context(closing(watch))
    watch.open(engine, views, names, zones_followed, *found.files, *netns)
    for one in netns:
        one.files_changed()  # it may have gone before it was watched
    return [
        daemon.run(),
        web.serve(sockets.web),
        control.serve(sockets.control),
        reload.run(),
        reload.request_whenever(hangup),
        names.run(),
        zones_followed.run(),
        give_back_after_start(views),
        supervision.run(),
        *found.running,
    ]


def _journal(config: Config, store: StateFile) -> JournalSink:
    return JournalSink(
        asyncio.get_running_loop(),
        enabled=config.journal_enabled,
        echo=not stderr_is_journal(os.environ),
        intents=store,
        netns=config.netns,
    )


def _descriptor_shares() -> Shares:
    found = shares(getrlimit(RLIMIT_NOFILE)[0])
    if found != ALL:
        _log.warning("RLIMIT_NOFILE is low; allowing at most %s", found)
    return found


def _follow(host: Host, policy: Policy, hints: Hints, own: OwnClients) -> None:
    """Raises StartError."""
    try:
        host.follow(ports_of(policy.domains), hints, own=own, trace=_trace())
    except NetlinkError as error:
        raise StartError(f"netlink: {error}") from None


def _trace() -> int | None:
    """The descriptor of the trace that systemd passes, or opens as standard input; None if it is none."""
    descriptor = passed_trace(os.environ) or 0
    try:
        is_trace = Path(f"/proc/self/fd/{descriptor}").readlink().name == "trace_pipe"
    except OSError:
        return None
    return descriptor if is_trace else None


def _log_start(config: Config, web: list[socket.socket]) -> None:
    places = ", ".join(f"http://{bound_to(one)}{config.web.telemetry_path}" for one in web)
    what = describe_config(config)
    if config.netns:
        what, places = f"network namespace {config.netns}, {what}", places or "no address"
    _log.info("lowatch %s started: %s, metrics at %s", __version__, what, places)
