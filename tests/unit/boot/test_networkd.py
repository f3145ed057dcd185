"""systemd.network(5)."""

from __future__ import annotations

from pathlib import Path

from lowatch.boot.networkd import read
from tests.unit.boot.reading import row, rows, unread, written_to

ETC, RUN, USR = "/etc/systemd/network", "/run/systemd/network", "/usr/lib/systemd/network"
LO = "[Match]\nName=lo\n"


def test_addresses_and_local_routes(tmp_path: Path) -> None:
    text = (
        f"{LO}[Network]\n"
        "Address=192.0.2.10/32\n"
        "; Address=192.0.2.11/32\n"
        "Address=2001:db8::10/128\n"
        "[Address]\n"
        "Address=192.0.2.12/32\n"
        "Label=lo:vip\n"
        "[Route]\n"
        "Destination=198.51.100.0/24\n"
        "Type=local\n"
        "[Route]\n"
        "Destination=203.0.113.0/24\n"
    )
    assert rows(read, tmp_path, {f"{ETC}/lo.network": text, f"{ETC}/lo.netdev": text}) == [
        f"192.0.2.10/32 lo {ETC}/lo.network:4",
        f"2001:db8::10/128 lo {ETC}/lo.network:6",
        f"192.0.2.12/32 lo {ETC}/lo.network:8",
        f"198.51.100.0/24 lo {ETC}/lo.network:11 route",
    ]


def test_etc_before_run_before_usr(tmp_path: Path) -> None:
    files = {
        f"{place}/lo.network": f"{LO}[Network]\nAddress=192.0.2.{n}/32\n"
        for n, place in enumerate((USR, RUN, ETC))
    }
    assert rows(read, tmp_path, files) == [f"192.0.2.2/32 lo {ETC}/lo.network:4"]


def test_a_file_that_is_masked(tmp_path: Path) -> None:
    usr = f"{LO}[Network]\nAddress=192.0.2.1/32\n"
    files = {f"{USR}/a.network": usr, f"{USR}/b.network": usr, f"{ETC}/a.network": ""}
    written_to(tmp_path, files)
    (tmp_path / ETC.lstrip("/") / "b.network").symlink_to("/dev/null")
    assert rows(read, tmp_path, {f"{ETC}/a.network.d/x.conf": usr}) == []


def test_drop_ins(tmp_path: Path) -> None:
    files = {
        f"{USR}/lo.network": f"{LO}[Network]\nAddress=192.0.2.1/32\n",
        f"{ETC}/lo.network.d/b.conf": "[Network]\nAddress=192.0.2.2/32\n",
        f"{RUN}/lo.network.d/a.conf": "[Network]\nAddress=\nAddress=192.0.2.3/32\n",
        f"{USR}/lo.network.d/b.conf": "[Network]\nAddress=192.0.2.4/32\n",
    }
    assert rows(read, tmp_path, files) == [
        f"192.0.2.3/32 lo {RUN}/lo.network.d/a.conf:3",
        f"192.0.2.2/32 lo {ETC}/lo.network.d/b.conf:2",
    ]


def test_the_first_file_that_matches_applies(tmp_path: Path) -> None:
    files = {f"{ETC}/{n}.network": f"{LO}[Network]\nAddress=192.0.2.{n}/32\n" for n in (1, 2)}
    assert rows(read, tmp_path, files) == [
        f"192.0.2.1/32 lo {ETC}/1.network:4",
        f"192.0.2.2/32 lo {ETC}/2.network:4 names (1.network applies to lo instead)",
    ]


def test_a_file_with_more_conditions_may_not_apply(tmp_path: Path) -> None:
    files = {
        f"{ETC}/1.network": f"{LO}Host=other\n[Network]\nAddress=192.0.2.1/32\n",
        f"{ETC}/2.network": f"{LO}[Network]\nAddress=192.0.2.2/32\n",
    }
    assert [text.rpartition(":")[2] for text in rows(read, tmp_path, files)] == ["5", "4"]


def test_interfaces_by_pattern_and_by_list(tmp_path: Path) -> None:
    text = "[Match]\nName={}\n[Network]\nAddress=192.0.2.1/32\n"
    assert rows(read, tmp_path / "a", {f"{ETC}/x.network": text.format("dummy*")}) == [
        f"192.0.2.1/32 - {ETC}/x.network:4 (on interfaces that x.network matches)"
    ]
    assert [
        text.split()[1] for text in rows(read, tmp_path / "b", {f"{ETC}/x.network": text.format("a b")})
    ] == [
        "a",
        "b",
    ]


def test_files_made_by_netplan(tmp_path: Path) -> None:
    file = f"{RUN}/10-netplan-lo.network"
    assert rows(read, tmp_path, {file: f"{LO}[Network]\nAddress=192.0.2.1/32\n"}) == [
        f"192.0.2.1/32 lo {file}:4 (made from netplan's files)"
    ]


def test_what_is_not_understood_is_reported(tmp_path: Path) -> None:
    text = f"{LO}[Network]\nAddress=vip\nAddress=0.0.0.0/28\nDHCP=yes\nodd line\n"
    assert unread(read, tmp_path, {f"{ETC}/lo.network": text}) == [
        f"{ETC}/lo.network:4 vip is not an address"
    ]


def test_of_several_addresses_in_one_section_the_last_counts(tmp_path: Path) -> None:
    source = written_to(
        tmp_path, {f"{ETC}/lo.network": f"{LO}[Address]\nAddress=192.0.2.1/32\nAddress=192.0.2.2/32\n"}
    )
    assert [row(entry) for entry in read(source)] == [f"192.0.2.2/32 lo {ETC}/lo.network:5"]
