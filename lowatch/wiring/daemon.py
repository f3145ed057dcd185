"""Builds the daemon from its own parts; everything outside of it is an argument."""

from __future__ import annotations

from lowatch.app.announcer import Announcer
from lowatch.app.auditor import Auditor
from lowatch.app.daemon import Daemon, Meter
from lowatch.app.finding_tracker import FindingTracker
from lowatch.app.ports import AlertSink, Host, Resolver, StateStore
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
    meter: Meter,
    threads: Threads,
) -> Daemon:
    """A daemon that continues with the findings in the store. Opens no socket and starts no thread."""
    tracker = FindingTracker(policy, store.load(), clock.now())
    announcer = Announcer(tracker, alerts, StateSaver(store, threads, clock), clock)
    return Daemon(auditor, host, resolver, tracker, announcer, clock, meter)
