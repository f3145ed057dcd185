"""The only place that builds real adapters and puts them together."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager

from lowatch import __version__
from lowatch.app.auditor import Auditor
from lowatch.app.check import Progress
from lowatch.app.check import check as check_once
from lowatch.app.daemon import Daemon
from lowatch.app.explain import Bench
from lowatch.app.explain import explain as explain_target
from lowatch.app.hints import AuditorHints
from lowatch.app.ports import Resolver
from lowatch.config.errors import ConfigErrors
from lowatch.config.schema import Config
from lowatch.config.targets import ExplainTarget
from lowatch.core.addresses import Port
from lowatch.core.audit import Audit
from lowatch.core.lifecycle import Now
from lowatch.core.policy import Policy
from lowatch.kernel.host import Host
from lowatch.kernel.netlink import NetlinkError
from lowatch.kernel.probe import probe
from lowatch.report.explain import Explanation
from lowatch.report.metrics import AuditEncoder
from lowatch.report.metrics_instruments import Instruments
from lowatch.resolve.engine import Engine
from lowatch.service.http import HttpServer
from lowatch.service.http_listen import ListenError, describe, listening
from lowatch.service.http_message import Routes
from lowatch.service.journal import JournalSink, stderr_is_journal
from lowatch.service.process import Process
from lowatch.service.routes import Pages, build_routes
from lowatch.service.state import StateFile, state_directory

_log = logging.getLogger("lowatch")


class StartError(Exception):
    """One line: what keeps lowatch from starting."""


class SystemClock:
    """time.monotonic for intervals; time.time for people; CLOCK_BOOTTIME for ages since boot."""

    def now(self) -> Now:
        return Now(time.monotonic(), time.time(), time.clock_gettime(time.CLOCK_BOOTTIME))


def collect_rarely() -> None:
    """Nearly all that is allocated is tuples without cycles, by the ten thousand, and kept.

    Collecting at Python's default pace takes a quarter of a first audit's time, and finds nothing.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def check(config: Config, progress: Progress | None) -> Audit:
    """One audit, now."""
    collect_rarely()

    async def run() -> Audit:
        with _host(config.policy) as host:
            engine = Engine(config.policy.domains, config.dns, SystemClock())
            auditor = _auditor(host, engine, config.policy)
            audit, _, _ = await check_once(auditor, engine, config.policy, SystemClock(), progress)
            return audit

    return asyncio.run(run())


def explain(config: Config, target: ExplainTarget) -> Explanation:
    """The chain of evidence for one target."""

    async def run() -> Explanation:
        with _host(config.policy) as host:
            bench = Bench(
                host,
                SystemClock(),
                config.ports,
                lambda policy: Engine(policy.domains, config.dns, SystemClock()),
                lambda resolver, policy: _auditor(host, resolver, policy),
            )
            return await explain_target(target, config.policy, bench)

    return asyncio.run(run())


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
        with _host(self._config.policy) as host, closing(journal):
            self._build(host, journal)
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._daemon.run()),
                    group.create_task(self._server.serve(sockets)),
                    group.create_task(self._reload_on_request()),
                ]
                _log.info("lowatch %s started: %s", __version__, _describe(self._config))
                await stop.wait()
                _log.info("stopping")
                for task in tasks:
                    task.cancel()

    def _build(self, host: Host, journal: JournalSink) -> None:
        policy, clock = self._config.policy, SystemClock()
        self._host, self._journal = host, journal
        self._engine = Engine(policy.domains, self._config.dns, clock, _Queries(self._instruments))
        auditor = _auditor(host, self._engine, policy)
        store = StateFile(state_directory(os.environ))
        self._daemon = Daemon(auditor, host, self._engine, policy, clock, journal, store, self._instruments)
        self._server.routes = self._routes()
        self._instruments.config_loaded(clock.now().wall)
        try:
            host.follow(_ports(policy), AuditorHints(auditor, self._instruments, self._daemon.wake))
        except NetlinkError as error:
            raise StartError(f"netlink: {error}") from None

    def _routes(self) -> Routes:
        web = self._config.web
        pages = Pages(
            audit=lambda: self._daemon.audit,
            ready=lambda: self._daemon.ready,
            metrics=self._metrics,
            version=__version__,
            reload=self._reload_now if web.enable_reload else None,
        )
        return build_routes(pages, web.telemetry_path)

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
            config = await asyncio.to_thread(self._load)  # 100,000 names take a second
        except ConfigErrors as errors:
            self._instruments.config_refused()
            _log.error("reload failed, the old configuration goes on:\n%s", errors)
            return str(errors)
        except Exception as error:
            self._instruments.config_refused()
            _log.exception("reload failed, the old configuration goes on")
            return f"{type(error).__name__}: {error}"
        for key in ("listen", "config_file"):
            if getattr(config.web, key) != getattr(self._config.web, key):
                _log.warning("web.%s has changed: that takes a restart, ignoring", key)
        if config.journal_enabled != self._config.journal_enabled:
            _log.warning("journal.enabled has changed: that takes a restart, ignoring")
        self._config = config
        self._host.replace_watches(config.policy.watches)
        self._host.follow_ports(_ports(config.policy))
        self._engine.replace_settings(config.dns)
        self._daemon.replace_policy(config.policy)
        self._server.routes = self._routes()
        self._instruments.config_loaded(SystemClock().now().wall)
        _log.info("configuration reloaded: %s", _describe(config))
        return ""


class _Queries:
    """From the resolver's observations to the metrics."""

    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments

    def on_query(self, rcode: str, seconds: float) -> None:
        self._instruments.dns_query(rcode, seconds)

    def on_mismatch(self) -> None:
        """The resolver has said so in the log; the contract has no metric for it."""


def _ports(policy: Policy) -> set[Port]:
    return {port for domain in policy.domains.values() for port in domain.ports}


def _describe(config: Config) -> str:
    count = len(config.policy.domains)
    places = ", ".join(
        f"http://{describe(place)}{config.web.telemetry_path}" for place in config.web.listen
    )
    return f"watching {', '.join(config.policy.interfaces)} for {count} domains, metrics at {places}"


@contextmanager
def _host(policy: Policy) -> Iterator[Host]:
    host = Host(policy.watches)
    try:
        yield host
    finally:
        host.close()


def _auditor(host: Host, resolver: Resolver, policy: Policy) -> Auditor:
    return Auditor(host, resolver, probe, policy, SystemClock(), os.uname().nodename)
