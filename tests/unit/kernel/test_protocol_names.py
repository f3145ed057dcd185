"""iproute2's names for those who add addresses and routes."""

from __future__ import annotations

from pathlib import Path

import pytest

from lowatch.core.limits.files import PROTOCOL_NAMES_BYTES, PROTOCOL_NAMES_FILES
from lowatch.kernel import protocol_names
from lowatch.kernel.protocol_names import address_origin, parse_table, read_table, route_origin
from tests.support.netns import Netns


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[int, str]]:
    tables: dict[str, dict[int, str]] = {"rt_protos": {}, "rt_addrprotos": {}}
    monkeypatch.setattr(protocol_names, "_table", tables.__getitem__)
    return tables


def test_the_lines_of_a_table() -> None:
    content = b"# Reserved\n0\tunspec\n18 keepalived # VRRP\n0x42 guest-agent\n"
    content += b"x y\n300 large\n-1 less\n7\n\xff \xfe\n"
    assert parse_table(content) == {0: "unspec", 18: "keepalived", 0x42: "guest-agent"}


def test_etc_comes_before_usr_and_its_directory_adds_names(tmp_path: Path) -> None:
    usr, etc = tmp_path / "usr", tmp_path / "etc"
    for path, content in {
        usr / "rt_protos": "11 zebra\n66 of-usr\n",
        usr / "rt_protos.d/a.conf": "70 of-usr\n71 of-usr\n",
        usr / "rt_protos.d/b.conf": "72 of-usr\n",
        etc / "rt_protos.d/a.conf": "70 of-etc\n",
        etc / "rt_protos.d/README": "73 no-name\n",
        etc / "rt_protos.d/.c.conf": "73 no-name\n",
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    assert read_table("rt_protos", (usr, etc)) == {11: "zebra", 66: "of-usr", 70: "of-etc", 72: "of-usr"}
    (etc / "rt_protos").write_text("12 bird\n")
    assert read_table("rt_protos", (usr, etc)) == {12: "bird", 70: "of-etc", 72: "of-usr"}


def test_what_cannot_be_read_names_nothing(tmp_path: Path) -> None:
    assert read_table("rt_protos", (tmp_path / "none",)) == {}
    (tmp_path / "rt_protos").mkdir()
    (tmp_path / "rt_protos.d").mkdir()
    (tmp_path / "rt_protos.d/loop.conf").symlink_to("loop.conf")
    (tmp_path / "rt_protos.d/many.conf").write_bytes(b"9 x\n" * PROTOCOL_NAMES_BYTES.value)
    assert read_table("rt_protos", (tmp_path,)) == {}


def test_a_directory_with_too_many_files(tmp_path: Path) -> None:
    (tmp_path / "rt_protos.d").mkdir()
    for number in range(PROTOCOL_NAMES_FILES.value + 1):
        (tmp_path / f"rt_protos.d/{number:03}.conf").write_text(f"{number} name{number}\n")
    before = PROTOCOL_NAMES_FILES.times
    assert len(read_table("rt_protos", (tmp_path,))) == PROTOCOL_NAMES_FILES.value
    assert PROTOCOL_NAMES_FILES.times == before + 1


def test_an_address_has_its_own_table_first(tables: dict[str, dict[int, str]]) -> None:
    tables["rt_protos"] |= {1: "redirect", 18: "keepalived", 20: "route"}
    tables["rt_addrprotos"] |= {1: "kernel_lo", 20: "address"}
    assert [address_origin(number) for number in (1, 18, 20, 21)] == [
        "kernel",
        "keepalived",
        "address",
        "proto 21",
    ]
    assert [route_origin(number) for number in (1, 18, 20, 21)] == [
        "redirect",
        "keepalived",
        "route",
        "proto 21",
    ]


def test_they_are_the_names_that_ip_shows(netns: Netns) -> None:
    numbers = (4, 9, 11, 12, 18, 42, 66, 186, 255)
    netns.batch(f"route add local 192.0.2.{number}/32 dev lo proto {number}" for number in numbers)
    shown = netns.ip("-details -oneline route show table local type local").splitlines()
    names = {
        int(line.split()[1].rpartition(".")[2]): line.split(" proto ")[1].split()[0]
        for line in shown
        if "192.0.2." in line
    }
    assert names == {number: route_origin(number).removeprefix("proto ") for number in numbers}
