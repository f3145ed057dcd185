"""frr.conf and zebra.conf: ours against the addresses that FRR itself adds."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from lowatch.boot.frr import read
from lowatch.boot.source import Source
from lowatch.core.addresses import format_address
from lowatch.core.boot import Effect
from tests.service.conftest import settings
from tests.support.booted import Machine
from tests.support.dns_server import Knot
from tests.support.shown_addresses import shown_addresses
from tests.support.waiting import eventually

TEXT = """\
hostname lab
! a comment
interface lo
 description interface eth0
 ip address 192.0.2.10/32
 ip address 192.0.2.11/32 label lo:vip
 ip address 192.0.2.12 peer 192.0.2.112/32
 ip address  192.0.2.13/24
 ipv6 address 2001:db8::10/128
 # ip address 192.0.2.90/32
 ip address 192.0.2.92/32
 no ip address 192.0.2.92/32
 !
 ip address 192.0.2.14/32
exit
interface vip0 vrf default
 ip address 192.0.2.15/32
exit
!
int lo
ip addr 192.0.2.16/32
exit
ip prefix-list all permit any
end
"""
REFUSED = """\
interface lo
 ip address 192.0.2.94
 ip address 192.0.2.95/32 # a comment
 ip address 192.0.2.96 255.255.255.255
 ip address 192.0.2.97/255.255.255.255
 ip address vip
exit
"""
OWN, INTEGRATED = "/etc/frr/zebra.conf", "/etc/frr/frr.conf"


@pytest.fixture
def frr(machine: Machine) -> Iterator[Machine]:
    """The machine, with a link vip0, and no file of FRR's; it is stopped at the end."""
    machine.netns.dummy("vip0")
    machine.run(f"rm -f {OWN} {INTEGRATED}")
    yield machine
    machine.run(f"systemctl stop frr.service; rm -f {OWN} {INTEGRATED}; ip link del vip0")
    machine.run("ip route flush table local proto 190")


def start(frr: Machine) -> None:
    frr.run("chown frr:frr /etc/frr/*; systemctl reset-failed frr.service; systemctl restart frr.service")


def held(frr: Machine) -> set[tuple[str, str]]:
    return shown_addresses(frr.run("ip -json address show"))


def by_us(source: Source) -> set[tuple[str, str]]:
    entries = [entry for entry in read(source) if entry.effect is Effect.ADDS]
    return {(f"{format_address(e.address)}/{e.prefixlen}", e.interface or "") for e in entries}


@pytest.mark.parametrize("file", [INTEGRATED, OWN])
def test_the_addresses_of_interfaces(frr: Machine, file: str) -> None:
    frr.write(file, TEXT)
    start(frr)
    source = Source(frr.root)
    ours = by_us(source)
    assert len(ours) == 8
    assert source.unread == []
    eventually(lambda: held(frr) == ours, about=lambda: f"{ours ^ held(frr)} {frr.log()}")


def test_what_is_not_understood_is_not_added(frr: Machine) -> None:
    frr.write(OWN, f"{REFUSED}{TEXT}")
    start(frr)
    source = Source(frr.root)
    ours = by_us(source)
    assert [one.line for one in source.unread] == [2, 3, 4, 5, 6]
    eventually(lambda: held(frr) == ours, about=lambda: f"{ours ^ held(frr)} {frr.log()}")


def test_zebras_own_file_beside_frr_conf(frr: Machine) -> None:
    own, integrated = ("192.0.2.10/32", "lo"), ("192.0.2.11/32", "lo")
    frr.write(OWN, "interface lo\n ip address 192.0.2.10/32\n")
    frr.write(INTEGRATED, "interface lo\n ip address 192.0.2.11/32\n")
    start(frr)
    assert {entry.effect for entry in read(Source(frr.root)) if entry.file == OWN} == {Effect.MAY_ADD}
    assert by_us(Source(frr.root)) == {integrated}
    [version] = re.findall(r"version (\d+)", frr.run("/usr/lib/frr/zebra --version"))
    expected = {own, integrated} if int(version) >= 10 else {integrated}
    frr.until(lambda: held(frr) == expected)


def test_the_file_that_it_writes_itself(frr: Machine) -> None:
    frr.write(INTEGRATED, "")
    start(frr)
    lines = ["configure terminal", "interface lo", "ip address 192.0.2.10/32 label lo:vip"]
    lines += ["ipv6 address 2001:db8::10/128", "end", "write"]
    frr.run("vtysh " + " ".join(f"-c '{line}'" for line in lines))
    source = Source(frr.root)
    assert by_us(source) == {("192.0.2.10/32", "lo"), ("2001:db8::10/128", "lo")}
    frr.until(lambda: held(frr) == by_us(Source(frr.root)))
    text = frr.path(INTEGRATED).read_text().splitlines()
    assert all(re.search("ip(v6)? address", text[entry.line - 1]) for entry in read(Source(frr.root)))


def test_case_06_config_reload_leaves_loopback_addresses(frr: Machine) -> None:
    """zebra leaves its addresses when it ends, and does not know them when it starts again."""
    for number in 1, 2, 3:
        frr.write(INTEGRATED, f"interface lo\n ip address 192.0.2.{number}/32\nexit\n")
        start(frr)
        frr.until(lambda: len(held(frr)) == number)  # noqa: B023 - called at once
    with Knot({"example.com": "www A 192.0.2.3"}) as knot:
        frr.write("/etc/lowatch/frr.toml", settings(knot, 'domains = ["www.example.com:80"]'))
        report = json.loads(frr.attempt("lowatch check -c /etc/lowatch/frr.toml --format json").stdout)
    rows = {row["address"]: row["configured"] for row in report["held"]}
    assert rows["192.0.2.1"] == rows["192.0.2.2"] == []
    assert [(row["file"], row["line"]) for row in rows["192.0.2.3"]] == [(INTEGRATED, 2)]
    found = {one["address"]: one for one in report["findings"]}
    assert {address: one["kind"] for address, one in found.items()} == {
        "192.0.2.1": "idle-vip",
        "192.0.2.2": "idle-vip",
        "192.0.2.3": "orphan-vip",
    }
    for address in "192.0.2.1", "192.0.2.2":
        frr.run(found[address]["fix"][0])
        assert found[address]["fixes"][0]["persist"].startswith("nothing to change: no configuration file")
    start(frr)
    frr.until(lambda: held(frr) == {("192.0.2.3/32", "lo")})


def test_the_names_of_its_protocols(frr: Machine) -> None:
    """/etc/iproute2/rt_protos.d/frr.conf. Its addresses have no protocol."""
    frr.run("ip route add local 192.0.2.10/32 dev lo proto 190")
    said = frr.attempt("lowatch explain 192.0.2.10").stdout
    assert "the local route 192.0.2.10/32 on lo, table local, from ripng" in said
