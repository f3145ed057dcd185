"""Builds the daemon from its own parts; everything outside of it is an argument."""

from __future__ import annotations

from lowatch.app.announcer import Announcer
from lowatch.app.auditor import Auditor
from lowatch.app.daemon import Daemon, Meter
from lowatch.app.finding_tracker import FindingTracker
from lowatch.app.ports import AlertSink, Host, Resolver, ServedStore, StateStore
from lowatch.app.served_saver import ServedSaver
from lowatch.app.state_saver import StateSaver
from lowatch.core.clock import Clock
from lowatch.core.policy import Policy
from lowatch.files.threads import Threads


def build_daemon(
    auditor: Auditor,
    host: Host,
    resolver: Resolver,
    policy: Policy,
    clock: Clock,
    alerts: AlertSink,
    store: StateStore,
    served: ServedStore,
    meter: Meter,
    threads: Threads,
) -> Daemon:
    """A daemon that continues with what the stores have. Opens no socket and starts no thread."""
    tracker = FindingTracker(policy, store.load(), clock.now())
    announcer = Announcer(tracker, alerts, StateSaver(store, threads, clock), clock, auditor.victims)
    auditor.last.remember(served.load())
    saver = ServedSaver(served, threads, clock)
    return Daemon(auditor, host, resolver, tracker, announcer, saver, clock, meter)
