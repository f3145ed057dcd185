"""Where the addresses of a real host are configured, as `check` and `explain` report it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.name_service import in_etc, write_etc
from tests.support.netns import Netns, as_ordinary_user

INTERFACES = """\
auto lo
iface lo inet loopback
    up ip addr add 192.0.2.10/32 dev lo
    up ip addr add 192.0.2.12/32 dev lo
source interfaces.d/*
"""
KEEPALIVED = "vrrp_instance a {\n interface lo\n virtual_ipaddress {\n  192.0.2.13\n }\n}\n"


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    """An /etc in which ifupdown adds .10 and .12, and keepalived .13."""
    resolving = {"nsswitch.conf": b"hosts: files\n", "resolv.conf": b"nameserver 127.0.0.1\n"}
    etc = write_etc(tmp_path / "etc", {"hosts": b"", **resolving})
    for name, text in {"network/interfaces": INTERFACES, "keepalived/keepalived.conf": KEEPALIVED}.items():
        (etc / name).parent.mkdir()
        (etc / name).write_text(text)
    tmp_path.chmod(0o755)
    return etc


def run(etc: Path, *arguments: str, prefix: Sequence[str] = ()) -> str:
    command = in_etc(etc, *prefix, sys.executable, "-Wignore", "-m", "lowatch", *arguments)
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    return done.stdout


def report(etc: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(etc, "check", "--format", "json"))
    return found


def test_held_configured_and_missing(netns: Netns, etc: Path) -> None:
    netns.ip("addr add 192.0.2.10/32 dev lo")
    netns.ip("addr add 192.0.2.11/32 dev lo")
    seen = report(etc)
    configured = {row["address"]: row["configured"] for row in seen["held"]}
    assert configured["192.0.2.10"] == [
        {
            "file": "/etc/network/interfaces",
            "line": 3,
            "by": "ifupdown",
            "effect": "adds",
            "note": None,
            "prefixlen": 32,
            "interface": "lo",
        }
    ]
    assert configured["192.0.2.11"] == []
    assert [(row["address"], row["line"], row["by"], row["note"]) for row in seen["missing"]] == [
        ("192.0.2.12", 4, "ifupdown", None),
        ("192.0.2.13", 4, "keepalived", "while it is master"),
    ]
    text = run(etc, "check")
    assert "    boot   configured in /etc/network/interfaces:3 (ifupdown)\n" in text
    assert "    boot   added at run time: no configuration file adds it (" in text


def test_a_fix_names_the_line_to_edit(netns: Netns, etc: Path) -> None:
    """A reboot with the line as it says, which is what ifupdown runs, leaves nothing to find."""
    netns.ip("addr add 192.0.2.10/32 dev lo")
    (fix,) = next(one for one in report(etc)["findings"] if one["address"] == "192.0.2.10")["fixes"]
    assert fix["persist"] == "delete /etc/network/interfaces:3 (ifupdown), which adds 192.0.2.10 at boot"
    for command in ("check",), ("explain", "192.0.2.10"):
        text = run(etc, *command)
        assert (
            "           ip address del 192.0.2.10/32 dev lo\n"
            "           rehearsed: ends the finding, takes nothing else away\n"
            "           to persist: delete /etc/network/interfaces:3 (ifupdown), which"
        ) in text.replace("    fix    ip", "           ip")
    lines = INTERFACES.splitlines(keepends=True)
    (etc / "network/interfaces").write_text("".join(lines[:2] + lines[3:]))
    (fix,) = next(one for one in report(etc)["findings"] if one["address"] == "192.0.2.10")["fixes"]
    assert fix["persist"] == "nothing to change: no configuration file undoes it; a script may"


def test_nothing_is_read_without_a_finding(netns: Netns, etc: Path) -> None:
    netns.listener("127.0.0.1", 80)
    seen = report(etc)
    assert (seen["findings"], seen["missing"], seen["boot"]) == ([], None, None)
    assert {row["configured"] for row in seen["held"]} == {None}


def test_explain(netns: Netns, etc: Path) -> None:
    netns.ip("addr add 192.0.2.10/24 dev lo")
    held, missing, elsewhere = (
        " ".join(run(etc, "explain", address).split())
        for address in ("192.0.2.10", "192.0.2.13", "198.51.100.1")
    )
    assert " boot configured in /etc/network/interfaces:3 (ifupdown) as 192.0.2.10/32 " in held
    said = "configured in /etc/keepalived/keepalived.conf:4 (keepalived) for lo, while it is master"
    assert f" boot {said} boot not held now " in missing
    assert " boot " not in elsewhere


def test_an_address_of_another_interface_is_not_missing(netns: Netns, etc: Path) -> None:
    netns.dummy("vip0")
    netns.ip("addr add 192.0.2.12/32 dev vip0")
    netns.ip("addr add 192.0.2.11/32 dev lo")
    assert [row["address"] for row in report(etc)["missing"]] == ["192.0.2.10", "192.0.2.13"]


def test_a_file_that_may_not_be_read_is_named(netns: Netns, etc: Path) -> None:
    netns.ip("addr add 192.0.2.11/32 dev lo")
    (etc / "keepalived/keepalived.conf").chmod(0)
    text = run(etc, "check", prefix=as_ordinary_user())
    said = " ".join(text.split())
    assert "no configuration file that could be read adds it (" in said
    assert "could not be read: /etc/keepalived/keepalived.conf (Permission denied)" in said
    assert "added at run time" not in said
    assert "Incomplete" not in text
