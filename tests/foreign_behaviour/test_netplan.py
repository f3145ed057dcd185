"""netplan: what we read in its files against what it makes of them for networkd and NetworkManager."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

from lowatch.boot import netplan, networkd, networkmanager
from lowatch.boot.source import Source
from lowatch.core.addresses import format_address
from lowatch.core.boot import Configured
from tests.support.worlds import first_seed

TEXT = """\
network:
  version: 2
  renderer: networkd
  ethernets:
    lo:
      addresses: [192.0.2.10/32, "2001:db8::10/128"]
      routes:
      - {to: 198.51.100.0/24, type: local}
      - {to: 203.0.113.0/24, via: 192.0.2.1, on-link: true}
    nic:
      match: {macaddress: "52:54:00:00:00:01"}
      set-name: front0
      addresses:
      - 192.0.2.11/24: {label: "front0:vip", lifetime: 0}
    nics:
      match: {name: "eno*"}
      addresses: [192.0.2.12/24]
    one:
      match: {name: ens3}
      addresses: [192.0.2.13/24]
  bridges:
    br0: &like
      addresses: [192.0.2.14/24]
    br1: *like
  bonds:
    bond0:
      renderer: NetworkManager
      addresses: [192.0.2.15/24, "2001:db8::15/64"]
  vlans:
    vlan7: {id: 7, link: br0, addresses: [192.0.2.16/24]}
"""


def said(entries: Iterable[Configured]) -> set[tuple[str, str, bool]]:
    return {(f"{format_address(e.address)}/{e.prefixlen}", e.interface or "-", e.is_route) for e in entries}


def agreed(root: Path, files: dict[str, str]) -> set[tuple[str, str, bool]]:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o600)
    done = subprocess.run(
        ["netplan", "generate", "--root-dir", str(root)],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 0, f"{done.stderr} {files}"
    source = Source(root)
    ours = said(netplan.read(source))
    made = [*networkd.read(source), *networkmanager.read(source)]
    assert source.unread == []
    assert {entry.note.partition(",")[0] for entry in made} <= {"made from netplan's files"}
    assert ours == said(made), files
    return ours


def test_each_kind_of_interface(tmp_path: Path) -> None:
    assert len(agreed(tmp_path, {"etc/netplan/a.yaml": TEXT})) == 11


def test_which_files_count(tmp_path: Path) -> None:
    files = {
        f"{place}/netplan/{name}": f"network: {{ethernets: {{lo: {{addresses: [192.0.2.{number}/32]}}}}}}\n"
        for number, (place, name) in enumerate(
            [
                *(("lib", "a.yaml"), ("etc", "a.yaml"), ("run", "a.yaml"), ("etc", "b.yaml")),
                *(("lib", "b.yaml"), ("lib", "c.yaml"), ("etc", "d.yml"), ("etc", ".f.yaml")),
            ]
        )
    }
    assert agreed(tmp_path, files) == {(f"192.0.2.{number}/32", "lo", False) for number in (2, 3, 5)}


@pytest.mark.parametrize("number", range(6))
def test_random_files(tmp_path: Path, number: int) -> None:
    chance = random.Random(first_seed() + number)
    places = chance.sample(
        [f"{place}/netplan/{name}.yaml" for place in ("lib", "etc", "run") for name in "ab"], 3
    )
    agreed(tmp_path, {place: yaml.safe_dump({"network": _network(chance)}) for place in places})


def _network(chance: random.Random) -> dict[str, Any]:
    network: dict[str, Any] = {"version": 2}
    for kind, names in ("ethernets", ("lo", "eth0")), ("bridges", ("br0",)), ("bonds", ("bond0",)):
        chosen = [name for name in names if chance.random() < 0.7]
        if chosen:
            network[kind] = {name: _interface(chance) for name in chosen}
    return network


def _interface(chance: random.Random) -> dict[str, Any]:
    found: dict[str, Any] = {"dhcp4": False}
    if chance.random() < 0.9:
        found["addresses"] = [_address(chance) for _ in range(chance.randrange(1, 4))]
    if chance.random() < 0.3:
        found["routes"] = [{"to": f"198.51.100.{chance.randrange(200)}/32", "type": "local"}]
    return found


def _address(chance: random.Random) -> Any:
    number = chance.randrange(1, 250)
    if chance.random() < 0.3:
        return f"2001:db8::{number}/{chance.choice([64, 128])}"
    address = f"192.0.2.{number}/{chance.choice([24, 32])}"
    return {address: {"lifetime": 0}} if chance.random() < 0.3 else address
