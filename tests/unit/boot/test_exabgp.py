"""ExaBGP's files, and its healthcheck's."""

from __future__ import annotations

from pathlib import Path

import pytest

from lowatch.boot.exabgp import read
from tests.unit.boot.reading import rows

FILE = "/etc/exabgp/exabgp.conf"


def test_static_routes_are_announced_only(tmp_path: Path) -> None:
    text = "neighbor 198.51.100.1 {\n static {\n  route 192.0.2.10/32 next-hop self;\n }\n}\n"
    text += "# route 192.0.2.11/32\n"
    assert rows(read, tmp_path, {FILE: text}) == [f"192.0.2.10/32 - {FILE}:3 names"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--ip 192.0.2.10/32", ["192.0.2.10/32 lo {}:2"]),
        ("--ip=192.0.2.10/32 --ip 192.0.2.11/32", ["192.0.2.11/32 lo {}:2", "192.0.2.10/32 lo {}:2"]),
        ("--ip 192.0.2.10/32 --no-ip-setup", ["192.0.2.10/32 - {}:2 names (ip-setup is off)"]),
        (
            "--dynamic-ip-setup --ip 192.0.2.10/32",
            ["192.0.2.10/32 lo {}:2 may add (while the service is healthy)"],
        ),
        ("--ip vip --ip", []),
    ],
)
def test_a_healthcheck_puts_its_addresses_on_lo(options: str, said: list[str], tmp_path: Path) -> None:
    text = f"process watch {{\n run python3 -m exabgp healthcheck --cmd 'curl -sf x' {options};\n}}\n"
    assert rows(read, tmp_path, {FILE: text}) == [row.format(FILE) for row in said]


def test_a_healthcheck_with_a_file_of_its_own(tmp_path: Path) -> None:
    config = "/etc/exabgp/web.conf.d"
    text = f"process watch {{\n run /usr/bin/python3 -m exabgp healthcheck --config {config};\n}}\n"
    assert rows(
        read, tmp_path, {FILE: text, config: "# ip = 192.0.2.9/32\nname = web\nip = 192.0.2.10/32 # VIP\n"}
    ) == [f"192.0.2.10/32 lo {config}:3"]
