"""The daemon follows what DNS says: series come and go with answers, and nothing goes by a failure."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.daemon import Daemon, configuration
from tests.support.dns_server import Knot
from tests.support.netns import Netns

WWW, SHOP, GONE = "www.example.com", "shop.example.com", "gone.example.com"
# Asked again a second and a bit after each answer, the soonest there is.
HASTE = 'min_ttl = "10ms"\ntimeout = "300ms"'
RESOLVED = 'lowatch_domains{status="resolved"}'
NXDOMAIN = 'lowatch_domains{status="nxdomain"}'
STALE = 'lowatch_domains{status="stale"}'
UNKNOWN = 'lowatch_domains{status="unknown"}'


@pytest.fixture
def knot(netns: Netns) -> Iterator[Knot]:
    netns.ip("addr add 192.0.2.10/32 dev lo")
    netns.ip("addr add 192.0.2.20/32 dev lo")
    with Knot({"example.com": "www 0 A 198.51.100.1"}, negative_ttl=0) as running:
        yield running


def watching(directory: Path, knot: Knot, *names: str, top: str = "", dns: str = "") -> Daemon:
    domains = ", ".join(f'"{name}:80"' for name in names)
    top = f'hold = "0s"\ndomains = [{domains}]\n{top}'
    return Daemon(directory, configuration(knot, top, dns=f"{HASTE}\n{dns}"))


def test_answer_changes(netns: Netns, knot: Knot, tmp_path: Path) -> None:
    """It moves here, then to another address here, then away: each time its series follow."""
    with watching(tmp_path, knot, WWW) as daemon:
        assert daemon.orphans() == {}
        knot.replace("example.com", "www 0 A 192.0.2.10")
        daemon.until(lambda: daemon.orphan(WWW) == 1)
        knot.replace("example.com", "www 0 A 192.0.2.20")
        daemon.until(lambda: (daemon.orphan(WWW, "192.0.2.20"), daemon.orphan(WWW)) == (1, None))
        knot.replace("example.com", "www 0 A 198.51.100.1")
        daemon.until(lambda: daemon.orphans() == {})
        daemon.until(lambda: daemon.announced("orphan-vip") == ["firing", "resolved", "firing", "resolved"])


def test_cname_moves(netns: Netns, knot: Knot, tmp_path: Path) -> None:
    targets = "old 0 A 198.51.100.1\nnew 0 A 192.0.2.10\n"
    knot.replace("example.com", f"shop 0 CNAME old\n{targets}")
    with watching(tmp_path, knot, SHOP) as daemon:
        assert daemon.orphans() == {}
        knot.replace("example.com", f"shop 0 CNAME new\n{targets}")
        daemon.until(lambda: daemon.orphan(SHOP) == 1)
        (finding,) = daemon.findings("orphan-vip")
        assert finding["message"].startswith(
            "shop.example.com -> new.example.com resolves to 192.0.2.10, which is on lo"
        )


def test_first_nxdomain_does_not_clear_the_second_does(netns: Netns, knot: Knot, tmp_path: Path) -> None:
    knot.replace("example.com", "gone 0 A 192.0.2.10")
    with watching(tmp_path, knot, GONE) as daemon:
        assert daemon.orphan(GONE) == 1
        knot.replace("example.com", "www 0 A 198.51.100.1")
        seen = []

        def denials() -> float:
            metrics = daemon.metrics()
            denied = metrics['lowatch_dns_queries_total{rcode="NXDOMAIN"}']
            seen.append((denied, metrics[RESOLVED], sum(n.startswith("lo_orphan_vip{") for n in metrics)))
            return denied

        daemon.until(lambda: denials() >= 2)
        once = [row[1:] for row in seen if row[0] == 1]  # the A: no IPv6 address is held, the AAAA may wait
        assert once
        assert set(once) == {(1, 1)}
        daemon.until(lambda: daemon.orphans() == {})
        assert daemon.metric(NXDOMAIN) == 1
        daemon.until(lambda: daemon.announced("orphan-vip") == ["firing", "resolved"])


def test_nameserver_dies_and_answers_turn_stale_then_unknown(
    netns: Netns, knot: Knot, tmp_path: Path
) -> None:
    """Neither takes the value away, nor the finding; what is unknown is not complete."""
    knot.replace("example.com", "www 0 A 192.0.2.10\nshop 0 A 198.51.100.1")
    with watching(tmp_path, knot, WWW, SHOP, dns='unknown_after = "4s"') as daemon:
        assert daemon.orphan(WWW) == 1
        knot.kill()
        daemon.until(lambda: daemon.metric(STALE) == 2)
        daemon.until(lambda: daemon.metric(UNKNOWN) == 2)
        assert daemon.orphan(WWW) == 1
        assert [found["state"] for found in daemon.findings("orphan-vip")] == ["firing"]
        assert not daemon.audit()["complete"]
        knot.start()
        daemon.reload(daemon.file.read_text())  # asks at once what had failed, instead of in a while
        daemon.until(lambda: daemon.metric(RESOLVED) == 2)
        daemon.until(lambda: daemon.audit()["complete"])
        daemon.until(lambda: daemon.announced("orphan-vip") == ["firing"])


def test_silent_nameserver_at_first(netns: Netns, knot: Knot, tmp_path: Path) -> None:
    """Ready once each name has been asked, whatever came of it; then it answers, and all is found."""
    knot.replace("example.com", "www 0 A 192.0.2.10")
    knot.pause()
    with watching(tmp_path, knot, WWW) as daemon:
        assert daemon.metric(UNKNOWN) == 1
        assert daemon.orphans() == {}
        assert daemon.findings() == []  # any address may yet turn out to be resolved to: none is idle
        audit = daemon.audit()
        assert not audit["complete"]
        (problem,) = audit["problems"]
        assert problem["source"] == "dns"
        assert f"{WWW}: A: " in problem["message"]
        assert f"{knot.nameserver}: no reply within 0.3 s" in problem["message"]
        knot.resume()
        daemon.until(lambda: daemon.orphan(WWW) == 1)
        daemon.until(lambda: [one["address"] for one in daemon.findings("idle-vip")] == ["192.0.2.20"])
