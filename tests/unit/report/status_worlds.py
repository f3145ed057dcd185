"""Daemons as they stand, for what is rendered of them."""

from __future__ import annotations

from lowatch.core.addresses import parse_port, parse_prefix
from lowatch.core.liveness import Liveness
from lowatch.core.policy import Acknowledgement
from lowatch.core.programs import TraceState
from lowatch.report.status import DaemonStatus, LastReload, ZoneStatus

from .audit_worlds import MONOTONIC, NOW, UNTIL, bad_night, clear


def well() -> DaemonStatus:
    """Nothing to do."""
    return DaemonStatus(
        version="1.2.3",
        pid=4711,
        now=NOW + 2,
        monotonic=MONOTONIC + 2,
        started=NOW - 8000,
        interfaces=("lo",),
        audit=clear(),
        audit_seconds=0.0012,
        dns_lag=0.01,
        far_names=99_990,
        far_ttl=3600.0,
        journal_waiting=0,
        last_reload=LastReload(NOW - 60, monotonic=MONOTONIC - 60),
        config_files=("/etc/lowatch/lowatch.toml",),
        liveness=(Liveness("loop", 0.01, 2.0), Liveness("resolver", 1.2, 30.0)),
    )


def starting() -> DaemonStatus:
    """Two seconds old, without a configuration file, in the foreground."""
    return DaemonStatus(
        version="1.2.3",
        pid=4711,
        now=NOW + 2,
        monotonic=MONOTONIC + 2,
        started=NOW,
        interfaces=("lo",),
        waits_for="412 of 1,204 names have not been asked yet",
    )


def in_trouble() -> DaemonStatus:
    """All that can be wrong at once."""
    return DaemonStatus(
        version="1.2.3",
        pid=4711,
        now=NOW + 2,
        monotonic=MONOTONIC + 2,
        started=NOW - 300_000,
        interfaces=("lo", "vip*"),
        audit=bad_night(),
        audit_seconds=0.0123,
        dns_lag=12.5,
        netlink_overruns=1,
        netlink_resyncs=2,
        trace=TraceState("", 12),
        journal_waiting=1024,
        journal_dropped=3,
        last_reload=LastReload(
            NOW - 7200,
            "/etc/lowatch/lowatch.toml:3: ports: 70000 is not a port (1 to 65535)\n"
            "/etc/lowatch/lowatch.toml:9: hold: 'soon' is not a duration",
            MONOTONIC - 7200,
        ),
        reload_pending={
            "web.listen": "web.listen needs a restart: running with 127.0.0.1:10048, configured [::]:10048"
        },
        acknowledgements=(
            Acknowledgement(NOW - 86_400, "the old cache", "idle-vip", "lo", domain="*.example.com"),
            Acknowledgement(
                UNTIL, "until the rack is gone", address=parse_prefix("192.0.2.77"), port=parse_port("80")
            ),
        ),
        config_files=("/etc/lowatch/lowatch.toml", "/etc/lowatch/lowatch.d/10-names.toml"),
        config_problems=("/etc/lowatch/names.txt:3: 'www..example.com' is not a domain",),
        zones=(
            ZoneStatus("/var/lib/unbound/corp.zone", "corp.example", 2026010101, 1, 2),
            ZoneStatus("/var/lib/unbound/other.zone"),
        ),
        liveness=(
            Liveness("loop", 0.01, 2.0),
            Liveness("resolver", 45.0, 30.0),
            Liveness("netlink", 3.0, 60.0),
        ),
        limits={"learned_names": 3554, "lookup_peers": 1},
    )
