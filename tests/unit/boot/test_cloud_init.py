"""cloud-init's network configuration."""

from __future__ import annotations

from pathlib import Path

from lowatch.boot.cloud_init import read
from tests.unit.boot.reading import rows, unread

NOTE = "(which writes it to another program's file when the instance is new)"
FILE = "/etc/cloud/cloud.cfg.d/99-network.cfg"
SEED = "/var/lib/cloud/seed/nocloud/network-config"


def test_version_1(tmp_path: Path) -> None:
    text = """\
network:
  version: 1
  config:
    - type: loopback
      name: lo
      subnets:
        - {type: loopback}
        - {type: static, address: 192.0.2.10/32}
        - type: static
          address: 192.0.2.11
          netmask: 255.255.255.0
    - type: nameserver
      address: [192.0.2.53]
"""
    assert rows(read, tmp_path, {FILE: text}) == [
        f"192.0.2.10/32 lo {FILE}:8 {NOTE}",
        f"192.0.2.11/24 lo {FILE}:10 {NOTE}",
    ]


def test_version_2_with_and_without_its_key(tmp_path: Path) -> None:
    inner = "version: 2\nethernets:\n  lo:\n    addresses: [192.0.2.10/32]\n"
    assert rows(read, tmp_path, {SEED: inner}) == [f"192.0.2.10/32 lo {SEED}:4 {NOTE}"]
    outer = "network:\n" + "".join(f"  {line}\n" for line in inner.splitlines())
    assert rows(read, tmp_path, {SEED: outer}) == [f"192.0.2.10/32 lo {SEED}:5 {NOTE}"]


def test_other_files(tmp_path: Path) -> None:
    files = {"/etc/cloud/cloud.cfg": "users: [default]\n", FILE: "network: {config: disabled}\n"}
    assert rows(read, tmp_path, files) == []


def test_what_is_not_understood_is_reported(tmp_path: Path) -> None:
    text = "network: {version: 1, config: [{name: lo, subnets: [{address: vip}, {address: [1]}]}]}\n"
    assert unread(read, tmp_path, {FILE: text}) == [
        f"{FILE}:1 vip is not an address",
        f"{FILE}:1 the value is not an address",
    ]
