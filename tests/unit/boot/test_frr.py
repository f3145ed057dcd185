"""FRR's `interface` sections."""

from __future__ import annotations

from pathlib import Path

from lowatch.boot.frr import read
from tests.unit.boot.reading import rows, unread

FILE = "/etc/frr/frr.conf"


def test_addresses_of_interfaces(tmp_path: Path) -> None:
    text = (
        "hostname r1\n"
        "interface lo\n"
        " description VIPs\n"
        " ip address 192.0.2.10/32\n"
        " ipv6 address 2001:db8::10/128\n"
        " no ip address 192.0.2.11/32\n"
        "exit\n"
        "!\n"
        "interface eth0 vrf red\n"
        " ip address 192.0.2.12/24 label eth0:1\n"
        "router bgp 65000\n"
        " ip address 192.0.2.13/32\n"
        " network 192.0.2.14/32\n"
    )
    assert rows(
        read, tmp_path, {FILE: text, "/etc/quagga/zebra.conf": "interface lo\nip address 192.0.2.15/32\n"}
    ) == [
        f"192.0.2.10/32 lo {FILE}:4",
        f"2001:db8::10/128 lo {FILE}:5",
        f"192.0.2.12/24 eth0 {FILE}:10",
        "192.0.2.15/32 lo /etc/quagga/zebra.conf:2",
    ]


def test_zebras_own_file_beside_frr_conf(tmp_path: Path) -> None:
    own = "/etc/frr/zebra.conf"
    text = "interface lo\nip address 192.0.2.10/32\n"
    assert rows(read, tmp_path, {own: text}) == [f"192.0.2.10/32 lo {own}:2"]
    assert rows(read, tmp_path, {FILE: "!\n"}) == [
        f"192.0.2.10/32 lo {own}:2 may add (if FRR reads it beside {FILE}, as 10.3 does and 8.4 does not)"
    ]


def test_forms_of_an_address(tmp_path: Path) -> None:
    text = (
        "int lo\n"
        " ip addr 192.0.2.10/32\n"
        " ip address 192.0.2.11/32 label lo:vip\n"
        " ip address 192.0.2.12 peer 192.0.2.13/31\n"
        " ip address 192.0.2.14/32\n"
        " no ip address 192.0.2.14/32\n"
        "end\n"
        " ip address 192.0.2.15/32\n"
    )
    assert rows(read, tmp_path, {FILE: text}) == [
        f"192.0.2.10/32 lo {FILE}:2",
        f"192.0.2.11/32 lo {FILE}:3",
        f"192.0.2.12/31 lo {FILE}:4",
    ]


def test_what_is_not_understood_is_reported(tmp_path: Path) -> None:
    text = "interface lo\n ip address\n ip address vip\ninterface\n ip address 192.0.2.1/32\n"
    text += "interface lo\n ip address 192.0.2.2\n ip address 192.0.2.3/32 # VIP\n"
    text += " ip address 192.0.2.4/255.0.0.0\n"
    assert unread(read, tmp_path, {FILE: text}) == [
        f"{FILE}:{line} the address is not understood" for line in (2, 3, 7, 8, 9)
    ]
