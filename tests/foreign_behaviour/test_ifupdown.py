"""/etc/network/interfaces: ours against what ifup would run."""

from __future__ import annotations

import random
import re
import subprocess
from collections.abc import Iterator
from ipaddress import ip_interface
from pathlib import Path

import pytest

from lowatch.boot.ifupdown import read
from lowatch.boot.source import Source
from lowatch.core.addresses import format_address
from lowatch.core.boot import Effect
from tests.support.worlds import first_seed

Added = set[tuple[str, str]]
"""Address with prefix length, and interface."""

_ADD = re.compile(
    r"^\s*(?:/\S*/)?ip (?:-[46] )?addr(?:ess)? (?:add|replace) (\S+)\s.*?dev (\S+)", re.MULTILINE
)


def by_ifup(root: Path, state: Path) -> Added:
    """What `ifup -a` and udev's `ifup --allow=hotplug` would add."""
    printed = ""
    for options in ([], ["--allow=hotplug"]):
        main = root / "etc/network/interfaces"
        command = [
            "ifup",
            "--no-act",
            "--force",
            "--all",
            *options,
            "-i",
            str(main),
            "--state-dir",
            str(state),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
        assert "couldn't read interfaces file" not in done.stderr, done.stderr
        printed += done.stdout + done.stderr
    return {
        (str(ip_interface(address)), device.partition(":")[0]) for address, device in _ADD.findall(printed)
    }


def by_us(root: Path) -> Added:
    source = Source(root)
    entries = [entry for entry in read(source) if entry.effect is Effect.ADDS]
    assert source.unread == []
    return {(f"{format_address(e.address)}/{e.prefixlen}", e.interface or "") for e in entries}


def agreed(root: Path, files: dict[str, str]) -> Added:
    for name, text in files.items():
        path = root / "etc/network" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (root / "state").mkdir()
    ours = by_us(root)
    assert ours == by_ifup(root, root / "state"), files
    return ours


def test_stanzas_comments_and_continued_lines(tmp_path: Path) -> None:
    text = (
        "# a comment \\\n"
        "auto lo:0 vip0\n"
        "iface lo:0 inet static\n"
        "\taddress 192.0.2.10\n"
        "\tnetmask 255.255.255.255\n"
        "iface vip0 inet static # no comment\n"
        "    address \\\n"
        "      192.0.2.11/32\n"
        "   # address 192.0.2.12/32\n"
        "iface vip0 inet6 static\n"
        "    address 2001:db8::11/128\n"
        "iface down inet static\n"
        "    address 192.0.2.13/32\n"
        "allow-hotplug vip1\n"
        "iface vip1 inet static\n"
        "    address 192.0.2.14\n"
        "    netmask 24\n"
        "allow-other vip2\n"
        "iface vip2 inet static\n"
        "    address 192.0.2.15/32\n"
    )
    assert agreed(tmp_path, {"interfaces": text}) == {
        ("192.0.2.10/32", "lo"),
        ("192.0.2.11/32", "vip0"),
        ("2001:db8::11/128", "vip0"),
        ("192.0.2.14/24", "vip1"),
    }


def test_the_address_of_a_loopback_stanza_is_ignored_but_commands_run(tmp_path: Path) -> None:
    text = (
        "auto lo\n"
        "iface lo inet loopback\n"
        "    address 192.0.2.10/32\n"
        "    up ip addr add 192.0.2.11/32 dev lo label lo:vip || true\n"
        "    post-up ip -6 addr replace 2001:db8::11/128 dev lo\n"
        "    down ip addr add 192.0.2.12/32 dev lo\n"
    )
    assert agreed(tmp_path, {"interfaces": text}) == {("192.0.2.11/32", "lo"), ("2001:db8::11/128", "lo")}


def test_files_that_are_sourced(tmp_path: Path) -> None:
    def stanza(number: int) -> str:
        return f"auto v{number}\niface v{number} inet static\n address 192.0.2.{number}/32\n"

    files = {
        "interfaces": "source interfaces.d/*\nsource none/*\nsource-directory more\n",
        "interfaces.d/a.cfg": stanza(1),
        "interfaces.d/b": stanza(2) + "source ../deep/x\n",
        "interfaces.d/.c": stanza(3),
        "deep/x": stanza(4),
        "more/d": stanza(5),
        "more/e.cfg": stanza(6),
        "more/f~": stanza(7),
    }
    (tmp_path / "etc/network").mkdir(parents=True)
    found = agreed(tmp_path, files)
    assert {int(device[1:]) for _, device in found} == {1, 2, 4, 5}


def test_a_logical_name(tmp_path: Path) -> None:
    text = "auto vip0=vips\niface vips inet static\n address 192.0.2.1/32\n"
    assert agreed(tmp_path, {"interfaces": text}) == {("192.0.2.1/32", "vip0")}


@pytest.mark.parametrize("number", range(15))
def test_random_files(tmp_path: Path, number: int) -> None:
    agreed(tmp_path, {"interfaces": "".join(_random_lines(random.Random(first_seed() + number)))})


def _random_lines(chance: random.Random) -> Iterator[str]:
    for number in range(chance.randrange(1, 8)):
        name = chance.choice([f"v{number}", f"v{number}:1", f"v{number}.7"])
        auto = chance.choice(["auto", "auto", "allow-auto", "allow-hotplug", "allow-x", "no-auto-down"])
        before = chance.random() < 0.5
        if before:
            yield f"{auto} {name}\n"
        family = chance.choice(["inet", "inet6"])
        method = chance.choice(["static", "static", "manual", "loopback"])
        yield f"iface {name} {family} {method}\n"
        address = f"192.0.2.{number}" if family == "inet" else f"2001:db8::{number}"
        length = chance.choice([32, 24, 28] if family == "inet" else [128, 64])
        indent = chance.choice(["", " ", "\t", "    "])
        break_line = chance.choice(["", "\\\n  "])
        if chance.random() < 0.5:
            yield f"{indent}address {break_line}{address}/{length}\n"
        else:
            yield f"{indent}address\t{address}\n#{indent}netmask 7\n{indent}netmask {length}{break_line}\n"
        if chance.random() < 0.4:
            option = chance.choice(["up", "pre-up", "post-up", "down"])
            yield f"{indent}{option} ip addr add 198.51.100.{number}/32 dev lo\n"
        if not before:
            yield f"{auto} {name}\n"
