"""netplan(5)."""

from __future__ import annotations

from pathlib import Path

import pytest

from lowatch.boot.netplan import read
from tests.unit.boot.reading import rows, unread

FILE = "/etc/netplan/60-vip.yaml"


def test_addresses_and_local_routes(tmp_path: Path) -> None:
    text = """\
network:
  version: 2
  renderer: networkd
  ethernets:
    lo:
      addresses:
        - 192.0.2.10/32
        - "2001:db8::10/128"
        - 192.0.2.11/32:
            label: lo:vip
      routes:
        - {to: 198.51.100.0/24, type: local}
        - {to: default, via: 192.0.2.1}
  dummy-devices:
    vips: {addresses: [192.0.2.12/32]}
"""
    assert rows(read, tmp_path, {FILE: text}) == [
        f"192.0.2.10/32 lo {FILE}:7",
        f"2001:db8::10/128 lo {FILE}:8",
        f"192.0.2.11/32 lo {FILE}:9",
        f"198.51.100.0/24 lo {FILE}:12 route",
        f"192.0.2.12/32 vips {FILE}:15",
    ]


def test_run_before_etc_before_lib(tmp_path: Path) -> None:
    text = "network: {ethernets: {lo: {addresses: [192.0.2.%s/32]}}}\n"
    files = {f"/{place}/netplan/a.yaml": text % n for n, place in enumerate(("lib", "etc", "run"))}
    files |= {"/lib/netplan/b.yaml": text % 7, "/etc/netplan/c.yml": text % 8}
    assert rows(read, tmp_path, files) == [
        "192.0.2.2/32 lo /run/netplan/a.yaml:1",
        "192.0.2.7/32 lo /lib/netplan/b.yaml:1",
    ]


@pytest.mark.parametrize(
    ("match", "interface"),
    [
        ("match: {macaddress: 'aa:bb:cc:dd:ee:ff'}, ", "-"),
        ("match: {macaddress: 'aa:bb:cc:dd:ee:ff'}, set-name: wan, ", "wan"),
        ("match: {name: eth0}, ", "eth0"),
        ("match: {name: 'eth*'}, ", "-"),
    ],
)
def test_interfaces_that_are_matched(match: str, interface: str, tmp_path: Path) -> None:
    text = f"network: {{ethernets: {{nic: {{{match}addresses: [192.0.2.1/24]}}}}}}\n"
    [found] = rows(read, tmp_path, {FILE: text})
    assert found.split()[1] == interface


@pytest.mark.parametrize(
    "text",
    ["", "[]", "network:", "network: {ethernets: [lo]}", "network: {ethernets: {lo: }}", "? [a]\n: b"],
)
def test_files_without_addresses(text: str, tmp_path: Path) -> None:
    assert rows(read, tmp_path, {FILE: text}) == []


def test_what_is_not_understood_is_reported(tmp_path: Path) -> None:
    text = "network: {ethernets: {lo: {addresses: [vip, 192.0.2.1/32]}}}\n"
    assert unread(read, tmp_path, {FILE: text}) == [f"{FILE}:1 vip is not an address"]
