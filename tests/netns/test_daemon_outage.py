"""The only nameserver dies under 10,000 names, and comes back: nothing is lost, nobody is trampled."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.support.daemon import Daemon, configuration
from tests.support.dns_server import Knot
from tests.support.netns import Netns

COUNT = 10_000
MAX_QPS = 4_000
TTL = 3
ORPHAN, SERVED = "d0.example.com", "d1.example.com"


def zone() -> str:
    """Two lead here, all the others elsewhere."""
    elsewhere = (f"d{n} {TTL} A 198.51.{n // 250}.{n % 250 + 1}" for n in range(2, COUNT))
    return "\n".join([f"d0 {TTL} A 192.0.2.10", f"d1 {TTL} A 192.0.2.20", *elsewhere])


def queries(daemon: Daemon) -> float:
    return sum(
        value for name, value in daemon.metrics().items() if name.startswith("lowatch_dns_queries_total{")
    )


def assert_paced(daemon: Daemon, seconds: float) -> None:
    """Between two scrapes no more queries than max_qps allows. Timeouts and refusals count as queries.

    Any eighth of a second has its share (resolve/upstream/rate_limit.py): a span has the shares of the
    eighths that it touches. It begins before the first scrape and ends after the second, so that a slow
    scrape makes it longer, never shorter than it was.
    """
    until = time.monotonic() + seconds
    began, before = time.monotonic(), queries(daemon)
    while time.monotonic() < until:
        time.sleep(0.5)
        next_began, after = time.monotonic(), queries(daemon)
        eighths = int((time.monotonic() - began) * 8) + 2
        assert after - before <= eighths * MAX_QPS / 8
        began, before = next_began, after


def test_ten_thousand_names_outlive_their_nameserver(netns: Netns, tmp_path: Path) -> None:
    netns.ip("addr add 192.0.2.10/32 dev lo")
    netns.ip("addr add 192.0.2.20/32 dev lo")
    netns.listener("192.0.2.20", 80)
    (tmp_path / "names.txt").write_text("".join(f"d{n}.example.com 80\n" for n in range(COUNT)))
    tables = '[[domains_from]]\npath = "names.txt"'
    with Knot({"example.com": zone()}, negative_ttl=600) as knot:
        dns = f'max_qps = {MAX_QPS}\nmin_ttl = "3s"'
        with Daemon(tmp_path, configuration(knot, 'hold = "0s"', dns=dns, tables=tables)) as daemon:
            daemon.until(lambda: daemon.announced("orphan-vip") == ["firing"])
            (before,) = daemon.findings()

            knot.kill()
            daemon.until(lambda: daemon.metric('lowatch_domains{status="stale"}') == COUNT)
            (stale,) = daemon.findings()
            same = ("key", "state", "since")
            assert [stale[field] for field in same] == [before[field] for field in same]
            assert "(stale answer)" in stale["message"]
            assert sorted(daemon.orphans().values()) == [0, 1]
            told = [one["message"] for one in daemon.audit()["problems"] if one["source"] == "dns"]
            assert any(
                "using the answer from" in one and ORPHAN in one and "Connection refused" in one
                for one in told
            )

            knot.start()
            assert_paced(daemon, 4)
            daemon.until(lambda: daemon.metric('lowatch_domains{status="resolved"}') == COUNT, 40)
            (after,) = daemon.findings()
            assert after == before
            daemon.until(lambda: daemon.announced("orphan-vip") == ["firing"])


WWW, VIP = "www.example.com", "192.0.2.10"


@pytest.mark.parametrize("change", ["served", "removed"])
@pytest.mark.parametrize("restarted", [True, False])
def test_in_an_outage_of_dns_an_orphan_ends_that_is_served_or_not_here_any_more(
    netns: Netns, tmp_path: Path, restarted: bool, change: str
) -> None:
    """Its name is unknown; whether somebody listens, and whose the address is, is not."""
    netns.ip(f"addr add {VIP}/32 dev lo")
    dns = 'timeout = "200ms"\nmin_ttl = "1s"\nmax_ttl = "1s"\nunknown_after = "1s"'
    text = 'hold = "0s"\nports = ["80/tcp"]\n' + f'domains = ["{WWW}"]'
    with (
        Knot({"example.com": f"www 1 A {VIP}"}) as knot,
        Daemon(tmp_path, configuration(knot, text, dns=dns), state=True) as daemon,
    ):
        daemon.until(lambda: daemon.announced("orphan-vip") == ["firing"])
        knot.kill()
        if restarted:
            daemon.stop()
            daemon.start()
        daemon.until(lambda: daemon.metric('lowatch_domains{status="unknown"}') == 1)
        assert daemon.orphan(WWW) == 1  # nothing that can be observed has changed
        daemon.until(lambda: daemon.announced("orphan-vip") == ["firing"])
        if change == "served":
            netns.listener(VIP, 80)
        else:
            netns.ip(f"addr del {VIP}/32 dev lo")
        daemon.until(lambda: daemon.announced("orphan-vip") == ["firing", "resolved"])
        assert daemon.orphan(WWW) == (0 if change == "served" else None)
        assert daemon.audit()["complete"] is False
        knot.start()


def test_a_listener_that_came_while_nobody_looked_is_seen_though_dns_is_silent(
    netns: Netns, tmp_path: Path
) -> None:
    netns.ip(f"addr add {VIP}/32 dev lo")
    text = 'hold = "0s"\nports = ["80/tcp", "443/tcp"]\n' + f'domains = ["{WWW}"]'
    with (
        Knot({"example.com": f"www 1 A {VIP}"}) as knot,
        Daemon(tmp_path, configuration(knot, text, dns='timeout = "200ms"'), state=True) as daemon,
    ):
        daemon.until(lambda: daemon.announced("orphan-vip") == ["firing"])
        knot.kill()
        daemon.stop()
        netns.listener(VIP, 443)
        daemon.start()
        daemon.until(lambda: daemon.announced("orphan-vip") == ["firing", "resolved"])
        assert set(daemon.orphans().values()) == {0}
        knot.start()
