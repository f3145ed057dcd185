"""Zone files that the daemon follows: names that nobody configured come and go with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.daemon import Daemon, configuration
from tests.support.dns_server import Knot
from tests.support.netns import Netns

WWW, SHOP = "www.example.com", "shop.example.com"
RECORDS = {"example.com": "www A 192.0.2.10\nshop CNAME lb\nlb A 192.0.2.20\nother A 198.51.100.1"}
SOON = 'hold = "0s"'


@pytest.fixture
def held(netns: Netns) -> Netns:
    netns.ip("addr add 192.0.2.10/32 dev lo")
    return netns


def domains(daemon: Daemon) -> set[str]:
    return {one["domain"] for one in daemon.audit()["endpoints"]}


def severities(daemon: Daemon) -> set[str]:
    return {one["severity"] for one in daemon.audit()["findings"]}


def sources(daemon: Daemon) -> dict[str, str]:
    return {one["name"]: one["source"] for one in daemon.audit()["names"]}


def problems(daemon: Daemon) -> list[str]:
    return [one["message"] for one in daemon.audit()["problems"] if one["source"] == "zone"]


def written(path: Path, *records: str, serial: int = 1) -> None:
    """As secondaries do it: another file, renamed over."""
    other = path.with_suffix(".new")
    soa = f"example.com.\t60\tIN\tSOA\tns.example.com. root.example.com. {serial} 3600 900 604800 60"
    other.write_text("".join(f"{line}\n" for line in (soa, *records)))
    other.rename(path)


WWW_HERE = f"{WWW}.\t60\tIN\tA\t192.0.2.10"
OTHER = "other.example.com.\t60\tIN\tA\t198.51.100.1"
SHOP_THERE = (f"{SHOP}.\t60\tIN\tCNAME\tlb.example.com.", "lb.example.com.\t60\tIN\tA\t192.0.2.20")


def test_names_come_and_go_with_the_zone_and_with_addresses(held: Netns, tmp_path: Path) -> None:
    file = tmp_path / "example.zone"
    written(file, WWW_HERE, OTHER)
    tables = '[[zones]]\nfile = "example.zone"'
    with Knot(RECORDS) as knot, Daemon(tmp_path, configuration(knot, SOON, tables=tables)) as daemon:
        assert domains(daemon) == {WWW}
        assert sources(daemon) == {WWW: "zone"}
        assert daemon.audit()["complete"]
        daemon.until_logged(f"{file}: zone example.com, serial 1: 1 name here")

        written(file, WWW_HERE, OTHER, *SHOP_THERE, serial=2)
        held.ip("addr add 192.0.2.20/32 dev lo")
        daemon.until(lambda: domains(daemon) == {WWW, SHOP, "lb.example.com"})

        held.ip("addr del 192.0.2.20/32 dev lo")
        daemon.until(lambda: domains(daemon) == {WWW})
        held.ip("addr add 192.0.2.20/32 dev lo")  # its names are still known
        daemon.until(lambda: domains(daemon) == {WWW, SHOP, "lb.example.com"})

        written(file, *SHOP_THERE, serial=3)
        daemon.until(lambda: domains(daemon) == {SHOP, "lb.example.com"})
        daemon.until(lambda: WWW in "".join(one.text for one in daemon.alerts if one.state == "resolved"))


def test_an_orphan_informs_until_something_has_listened_there(held: Netns, tmp_path: Path) -> None:
    """A zone tells no port: the default ones are a guess."""
    written(tmp_path / "example.zone", WWW_HERE)
    tables = '[[zones]]\nfile = "example.zone"'
    with (
        Knot(RECORDS) as knot,
        Daemon(tmp_path, configuration(knot, SOON, tables=tables), state=True) as daemon,
    ):
        assert severities(daemon) == {"info"}
        assert daemon.orphans() == {}
        listener = held.listener("192.0.2.10", 80)
        daemon.until(lambda: set(daemon.orphans().values()) == {0.0})
        listener.close()
        daemon.until(lambda: 1.0 in daemon.orphans().values())
        assert severities(daemon) == {"critical"}
        daemon.until(lambda: daemon.announced("orphan-vip") == ["firing", "resolved", "firing"])
        daemon.stop()
        daemon.start()
        assert 1.0 in daemon.orphans().values()
        assert severities(daemon) == {"critical"}


def test_a_damaged_zone_keeps_its_names_and_says_so(held: Netns, tmp_path: Path) -> None:
    file = tmp_path / "example.zone"
    written(file, WWW_HERE)
    tables = '[[zones]]\nfile = "example.zone"'
    with Knot(RECORDS) as knot:
        text = configuration(knot, SOON, tables=tables)
        with Daemon(tmp_path, text, state=True) as daemon:
            assert domains(daemon) == {WWW}
            daemon.until(lambda: daemon.announced("orphan-vip") == ["firing"])
            file.write_text(file.read_text()[:-3])
            cut_off = "ends within a line: it is cut off; keeping its names (1)"
            daemon.until(lambda: problems(daemon) == [f"{file}: {cut_off}"])
            daemon.until_logged(f"{file}: {cut_off}, continuing")
            assert domains(daemon) == {WWW}
            assert not daemon.audit()["complete"]

            daemon.stop()
            daemon.start()  # the names of its findings stand in for the file
            assert domains(daemon) == {WWW}
            assert problems(daemon) == [f"{file}: ends within a line: it is cut off"]
            written(file, OTHER)
            daemon.until(lambda: domains(daemon) == set())
            assert problems(daemon) == []
            daemon.until(lambda: daemon.announced("orphan-vip") == ["firing", "resolved"])


def test_zones_come_and_go_with_the_configuration(held: Netns, tmp_path: Path) -> None:
    written(tmp_path / "example.zone", WWW_HERE)
    tables = '[[zones]]\nfile = "example.zone"'
    with Knot(RECORDS) as knot:
        without = configuration(knot, SOON)
        with Daemon(tmp_path, without) as daemon:
            assert domains(daemon) == set()
            daemon.reload(configuration(knot, SOON, tables=tables))
            daemon.until(lambda: domains(daemon) == {WWW})
            daemon.reload(configuration(knot, f"{SOON}\nexpect = []", tables=tables))
            assert domains(daemon) == {WWW}
            daemon.reload(without)
            daemon.until(lambda: domains(daemon) == set())
            daemon.reload(configuration(knot, SOON, tables=tables))
            daemon.until(lambda: domains(daemon) == {WWW})
