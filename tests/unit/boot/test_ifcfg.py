"""ifcfg files of Red Hat and SUSE."""

from __future__ import annotations

from pathlib import Path

from lowatch.boot.ifcfg import read
from tests.unit.boot.reading import rows, unread

RED_HAT, SUSE = "/etc/sysconfig/network-scripts", "/etc/sysconfig/network"


def test_red_hat(tmp_path: Path) -> None:
    files = {
        f"{RED_HAT}/ifcfg-lo:0": "DEVICE=lo:0\nIPADDR=192.0.2.10\nNETMASK=255.255.255.255\nONBOOT=yes\n",
        f"{RED_HAT}/ifcfg-eth0": (
            "# IPADDR=192.0.2.99\n"
            'DEVICE="eth0"\n'
            "IPADDR0=192.0.2.11 # the first\n"
            "PREFIX0=24\n"
            "IPADDR1='192.0.2.12'\n"
            "PREFIX1=32\n"
            "IPV6ADDR=2001:db8::1/64\n"
            'IPV6ADDR_SECONDARIES="2001:db8::2/128 2001:db8::3/128"\n'
        ),
        f"{RED_HAT}/ifcfg-eth0.bak": "IPADDR=192.0.2.13\n",
        f"{RED_HAT}/ifup": "IPADDR=192.0.2.14\n",
    }
    assert rows(read, tmp_path, files) == [
        f"192.0.2.11/24 eth0 {RED_HAT}/ifcfg-eth0:3",
        f"192.0.2.12/32 eth0 {RED_HAT}/ifcfg-eth0:5",
        f"2001:db8::1/64 eth0 {RED_HAT}/ifcfg-eth0:7",
        f"2001:db8::2/128 eth0 {RED_HAT}/ifcfg-eth0:8",
        f"2001:db8::3/128 eth0 {RED_HAT}/ifcfg-eth0:8",
        f"192.0.2.10/32 lo {RED_HAT}/ifcfg-lo:0:2",
    ]


def test_suse(tmp_path: Path) -> None:
    text = "IPADDR='192.0.2.10/32'\nIPADDR_1=192.0.2.11\nPREFIXLEN_1=24\nSTARTMODE=auto\n"
    assert rows(read, tmp_path, {f"{SUSE}/ifcfg-dummy0": text}) == [
        f"192.0.2.10/32 dummy0 {SUSE}/ifcfg-dummy0:1",
        f"192.0.2.11/24 dummy0 {SUSE}/ifcfg-dummy0:2",
    ]


def test_what_is_not_brought_up_at_boot(tmp_path: Path) -> None:
    files = {
        f"{RED_HAT}/ifcfg-a": "IPADDR=192.0.2.1\nONBOOT=no\n",
        f"{SUSE}/ifcfg-b": "IPADDR=192.0.2.2\nSTARTMODE=manual\n",
    }
    assert rows(read, tmp_path, files) == [
        f"192.0.2.1 a {RED_HAT}/ifcfg-a:1 may add (not at boot: ONBOOT=no)",
        f"192.0.2.2 b {SUSE}/ifcfg-b:1 may add (not at boot: STARTMODE=manual)",
    ]


def test_what_is_not_understood_is_reported(tmp_path: Path) -> None:
    file = f"{RED_HAT}/ifcfg-a"
    assert unread(read, tmp_path, {file: "IPADDR=$VIP\nIPADDR1='\nIPADDR2=\n"}) == [
        f"{file}:1 $VIP is not an address",
        f"{file}:2 ' is not an address",
    ]
