"""A zone arrives by transfer at a real secondary, whose file the daemon follows, as in docs/fleet.md."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from lowatch.config.settings import Nameserver
from tests.support.certificates import Authority
from tests.support.daemon import Daemon, configuration
from tests.support.dns_server import Knot, free_port
from tests.support.netns import Netns
from tests.support.secondary import KnotSecondary, TlsFront, unbound_secondary

ZONE = "corp.example"
WWW, SHOP = f"www.{ZONE}", f"shop.{ZONE}"
OTHERS = "\n".join(f"h{number} A 198.51.100.{number}" for number in range(200))


def domains(daemon: Daemon) -> set[str]:
    return {name.split('domain="')[1].split('"')[0] for name in daemon.orphans()}


@contextmanager
def by_unbound(file: Path, primary: Nameserver) -> Iterator[AbstractContextManager[object]]:
    yield unbound_secondary(ZONE, file, primary)


@contextmanager
def by_unbound_over_tls(file: Path, primary: Nameserver) -> Iterator[AbstractContextManager[object]]:
    authority = Authority(file.parent)
    with TlsFront(primary, authority.sign("primary.example")) as front:
        yield unbound_secondary(ZONE, file, primary, (front.port, "primary.example", authority.chain))
        assert front.connections > 0


@contextmanager
def by_knot(file: Path, primary: Nameserver) -> Iterator[AbstractContextManager[object]]:
    yield KnotSecondary(ZONE, file, primary)


@pytest.mark.parametrize("by", [by_unbound, by_unbound_over_tls, by_knot])
def test_a_change_at_the_primary_is_a_series_here(netns: Netns, tmp_path: Path, by: object) -> None:
    netns.ip("addr add 192.0.2.10/32 dev lo")
    netns.listener("192.0.2.10", 80)
    file = tmp_path / "corp.zone"
    primary = Nameserver("127.0.0.1", free_port())
    with by(file, primary) as secondary:  # type: ignore[operator]
        zone = {ZONE: f"www A 192.0.2.10\n{OTHERS}"}
        with Knot(zone, port=primary.port, secondaries=[secondary.plain]) as knot, secondary:
            tables = f'[[zones]]\nfile = "{file}"\nserver = "{secondary.plain}"'
            text = configuration(knot, 'hold = "0s"', tables=tables)
            with Daemon(tmp_path, text) as daemon:
                daemon.until(lambda: domains(daemon) == {WWW})
                knot.replace(ZONE, f"www A 192.0.2.10\nshop 60 CNAME www\n{OTHERS}")
                daemon.until(lambda: domains(daemon) == {WWW, SHOP})
                knot.replace(ZONE, f"shop A 192.0.2.10\n{OTHERS}")
                daemon.until(lambda: domains(daemon) == {SHOP})
                problems = daemon.audit()["problems"]
                assert [one for one in problems if one["source"] == "zone"] == [], problems


def test_a_server_that_does_not_have_the_zone_is_a_problem(netns: Netns, tmp_path: Path) -> None:
    """unbound without a primary that answers, as after the zone has expired, says SERVFAIL."""
    netns.ip("addr add 192.0.2.10/32 dev lo")
    file, nobody = tmp_path / "corp.zone", Nameserver("127.0.0.1", free_port())
    soa = f"{ZONE}. 60 IN SOA ns.{ZONE}. root.{ZONE}. 7 3600 900 604800 60"
    file.write_text(f"{soa}\n{WWW}. 60 IN A 192.0.2.10\n")
    unbound = unbound_secondary(ZONE, tmp_path / "other.zone", nobody)
    with Knot({ZONE: "www A 192.0.2.10"}) as knot, unbound:
        tables = f'[[zones]]\nfile = "{file}"\nserver = "{unbound.plain}"'
        with Daemon(tmp_path, configuration(knot, 'hold = "0s"', tables=tables)) as daemon:
            expected = f"{file}: {unbound.plain}: SERVFAIL: the zone has expired, or it is not loaded"
            daemon.until(lambda: [one["message"] for one in daemon.audit()["problems"]] == [expected])
            assert {one["domain"] for one in daemon.audit()["endpoints"]} == {WWW}
