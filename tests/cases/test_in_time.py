"""Cases 3, 12 and 23: what is only passing, what is accepted for now, and what cannot be seen."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.support.checking import check, lowatch
from tests.support.daemon import Daemon, configuration
from tests.support.dns_server import Knot
from tests.support.netns import Netns

WWW = "www.example.com"
ZONE = {"example.com": "www A 192.0.2.10"}


def test_case_03_address_deleted_just_before_the_route_is_withdrawn(netns: Netns, tmp_path: Path) -> None:
    """An orderly end: the service stops, its address goes a moment later. Nobody is paged."""
    netns.ip("addr add 192.0.2.10/32 dev lo")
    listener = netns.listener("192.0.2.10", 80)
    with Knot(ZONE) as knot:
        text = configuration(knot, f'hold = "5s"\ndomains = ["{WWW}:80"]\nexpect = ["192.0.2.10"]')
        with Daemon(tmp_path, text) as daemon:
            assert daemon.orphan(WWW) == 0
            listener.close()
            daemon.until(lambda: daemon.orphan(WWW) == 1)  # at once: the hold is for alerts
            assert daemon.count("orphan-vip", "pending") == 1
            netns.ip("addr del 192.0.2.10/32 dev lo")
            daemon.until(lambda: daemon.orphans() == {})
            assert daemon.findings("orphan-vip") == []
            assert [found["state"] for found in daemon.findings("missing-vip")] == ["pending"]
            netns.ip("addr add 192.0.2.10/32 dev lo")  # and here it comes back
            netns.listener("192.0.2.10", 80)
            daemon.until(lambda: daemon.orphan(WWW) == 0 and daemon.findings() == [])
            assert daemon.alerts == []


def acknowledged_until(until: datetime) -> str:
    return f"""
[[acknowledge]]
kind = "orphan-vip"
address = "192.0.2.10"
domain = "{WWW}"
until = {until.isoformat(timespec="milliseconds")}
reason = "a fast refusal beats a timeout"
"""


def test_case_12_dead_cache_kept_on_purpose(netns: Netns, tmp_path: Path) -> None:
    """nodelocaldns: the cache is dead, its interface stays, so that clients are refused at once."""
    netns.dummy("nodelocaldns")
    netns.ip("addr add 192.0.2.10/32 dev nodelocaldns")
    netns.ip("link set nodelocaldns up")
    top = f'interfaces = ["nodelocaldns"]\nhold = "0s"\ndomains = ["{WWW}:53"]'
    with Knot(ZONE) as knot:
        now = datetime.now(UTC)
        text = configuration(knot, top, tables=acknowledged_until(now + timedelta(days=1)))
        seen = check(tmp_path, text)
        assert (seen.code, seen.finding("orphan-vip")["state"]) == (0, "acknowledged")
        shown = lowatch("check", "-c", str(tmp_path / "lowatch.toml"))
        assert (shown.code, shown.stderr) == (0, "")
        assert "Acknowledged\n  orphan-vip  www.example.com at 192.0.2.10 on nodelocaldns" in shown.stdout
        assert "a fast refusal beats a timeout" in " ".join(shown.stdout.split())
        assert "ip address del" not in shown.stdout  # no advice to remove what is meant to stay

        text = configuration(knot, top, tables=acknowledged_until(now - timedelta(seconds=1)))
        seen = check(tmp_path, text)
        assert (seen.code, seen.finding("orphan-vip")["state"]) == (1, "firing")


def test_case_12_acknowledgement_runs_out(netns: Netns, tmp_path: Path) -> None:
    """The daemon says nothing until the date, and fires by itself when that has come."""
    netns.ip("addr add 192.0.2.10/32 dev lo")
    top = f'hold = "0s"\ndomains = ["{WWW}:80"]'
    with Knot(ZONE) as knot:
        tomorrow = acknowledged_until(datetime.now(UTC) + timedelta(days=1))
        with Daemon(tmp_path, configuration(knot, top, tables=tomorrow)) as daemon:
            # The metric tells the truth all the while.
            assert (daemon.orphan(WWW), daemon.count("orphan-vip", "acknowledged")) == (1, 1)
            assert daemon.alerts == []
            until = datetime.now(UTC) + timedelta(seconds=1)
            daemon.reload(configuration(knot, top, tables=acknowledged_until(until)))
            daemon.until(lambda: daemon.announced("orphan-vip") == ["firing"])
            assert datetime.now(UTC) >= until - timedelta(milliseconds=1)
            assert daemon.count("orphan-vip", "acknowledged") == 0


def test_case_23_dns_failure_during_the_incident(netns: Netns, tmp_path: Path) -> None:
    """The finding stays, marked as resting on a stale answer; nothing is cleared, nothing is raised."""
    netns.ip("addr add 192.0.2.10/32 dev lo")
    netns.ip("addr add 192.0.2.20/32 dev lo")
    netns.listener("192.0.2.20", 80)
    with Knot({"example.com": "www 1 A 192.0.2.10\nfine 1 A 192.0.2.20"}) as knot:
        top = f'hold = "0s"\ndomains = ["{WWW}:80", "fine.example.com:80"]'
        text = configuration(knot, top, dns='min_ttl = "10ms"\ntimeout = "500ms"')
        with Daemon(tmp_path, text) as daemon:
            daemon.until(lambda: daemon.announced("orphan-vip") == ["firing"])
            (before,) = daemon.findings()
            knot.kill()
            daemon.until(lambda: daemon.metric('lowatch_domains{status="stale"}') == 2)
            (stale,) = daemon.findings()
            assert "resolves to 192.0.2.10 (stale answer)" in stale["message"]
            assert (stale["state"], stale["since"]) == ("firing", before["since"])
            assert daemon.orphans() == {
                'lo_orphan_vip{interface="lo",address="192.0.2.10",domain="www.example.com",'
                'port="80",protocol="tcp"}': 1,
                'lo_orphan_vip{interface="lo",address="192.0.2.20",domain="fine.example.com",'
                'port="80",protocol="tcp"}': 0,
            }
            audit = daemon.audit()
            told = [problem["message"] for problem in audit["problems"] if WWW in problem["message"]]
            assert any(
                re.search(r": using the answer from up to .* ago: .*Connection refused", one)
                for one in told
            )

            netns.listener("192.0.2.10", 80)  # mended while DNS is still dead: that can be seen
            daemon.until(lambda: daemon.announced("orphan-vip") == ["firing", "resolved"])
            knot.start()
            daemon.until(lambda: daemon.metric('lowatch_domains{status="resolved"}') == 2, 20)
            problems = [one for one in daemon.audit()["problems"] if one["source"] == "dns"]
            assert (daemon.findings(), problems) == ([], [])
            daemon.until(lambda: daemon.announced("orphan-vip") == ["firing", "resolved"])
