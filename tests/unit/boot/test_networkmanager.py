"""nm-settings-keyfile(5). tests/service/test_networkmanager.py has the real program read such files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lowatch.boot.networkmanager import read
from lowatch.boot.source import Source
from tests.unit.boot import reading

ETC = "/etc/NetworkManager/system-connections"
RUN = "/run/NetworkManager/system-connections"
LIB = "/usr/lib/NetworkManager/system-connections"
FILE = f"{ETC}/vip.nmconnection"
DUMMY = "[connection]\nid=vip\ninterface-name=dummy0\n"
MANUAL = "[ipv4]\nmethod=manual\n"
UUID = "3664cf2d-ed4d-42d2-8636-0f899c0f8d58"


def written_to(root: Path, files: dict[str, str]) -> Source:
    source = reading.written_to(root, files)
    for name in files:
        (root / name.lstrip("/")).chmod(0o600)
    return source


def rows(root: Path, files: dict[str, str]) -> list[str]:
    """What is found; everything must be understood."""
    source = written_to(root, files)
    found = [reading.row(entry) for entry in read(source)]
    assert source.unread == []
    return found


def test_addresses_and_local_routes(tmp_path: Path) -> None:
    text = (
        f"{DUMMY}{MANUAL}"
        "address1=192.0.2.10/32\n"
        "address2=192.0.2.11/24,192.0.2.1\n"
        "addresses=192.0.2.12/32\n"
        "route1=198.51.100.0/24\n"
        "route1_options=mtu=1000,type=local\n"
        "route2=203.0.113.0/24,192.0.2.1\n"
        "[ipv6]\nmethod=manual\n# address9=2001:db8::9/128\n"
        "address1=2001:db8::10/128\n"
    )
    assert rows(tmp_path, {FILE: text}) == [
        f"192.0.2.10/32 dummy0 {FILE}:6",
        f"192.0.2.11/24 dummy0 {FILE}:7",
        f"192.0.2.12/32 dummy0 {FILE}:8",
        f"198.51.100.0/24 dummy0 {FILE}:9 route",
        f"2001:db8::10/128 dummy0 {FILE}:15",
    ]


@pytest.mark.parametrize(
    ("line", "address"),
    [
        ("addresses1=192.0.2.10;32;0.0.0.0;", "192.0.2.10/32"),
        ("address1=192.0.2.10,32", "192.0.2.10/32"),
        ("address1 = 192.0.2.10/32", "192.0.2.10/32"),
        ("address1=192.0.2.10", "192.0.2.10/24"),
        ("address1=192.0.2.9/32\naddress1=192.0.2.10/32", "192.0.2.10/32"),
    ],
)
def test_forms_of_an_address(tmp_path: Path, line: str, address: str) -> None:
    number = 5 + len(line.splitlines())
    assert rows(tmp_path, {FILE: f"{DUMMY}{MANUAL}{line}\n"}) == [f"{address} dummy0 {FILE}:{number}"]


@pytest.mark.parametrize(
    ("setting", "note"),
    [
        ("autoconnect=false", "not at boot: autoconnect=false"),
        ("autoconnect=0", "not at boot: autoconnect=false"),
        ("permissions=user:www-data:;", "while a user whom its permissions name is logged in"),
    ],
)
def test_profiles_that_do_not_come_up_by_themselves(tmp_path: Path, setting: str, note: str) -> None:
    text = f"{DUMMY}{setting}\n{MANUAL}address1=192.0.2.10/32\n"
    assert rows(tmp_path, {FILE: text}) == [f"192.0.2.10/32 dummy0 {FILE}:7 may add ({note})"]


@pytest.mark.parametrize("value", ["no", "off", "False", "true", "1", ""])
def test_what_does_not_turn_autoconnect_off(tmp_path: Path, value: str) -> None:
    text = f"{DUMMY}autoconnect={value}\n{MANUAL}address1=192.0.2.10/32\n"
    assert rows(tmp_path, {FILE: text}) == [f"192.0.2.10/32 dummy0 {FILE}:7"]


def test_a_profile_for_any_interface(tmp_path: Path) -> None:
    note = "(on the interface that the profile is activated on)"
    assert rows(tmp_path, {FILE: f"{MANUAL}address1=192.0.2.10/32\n"}) == [
        f"192.0.2.10/32 - {FILE}:3 {note}"
    ]


def test_run_comes_before_etc_and_etc_before_usr(tmp_path: Path) -> None:
    text = f"{DUMMY}uuid={UUID}\n{MANUAL}address1=192.0.2.%s/32\n"
    files = {f"{place}/x.nmconnection": text % number for number, place in enumerate((LIB, ETC, RUN))}
    for place, number in (RUN, 2), (ETC, 1), (LIB, 0):
        assert rows(tmp_path, files) == [f"192.0.2.{number}/32 dummy0 {place}/x.nmconnection:7"]
        (tmp_path / f"{place}/x.nmconnection".lstrip("/")).unlink()
        del files[f"{place}/x.nmconnection"]


def test_of_two_profiles_in_one_directory_the_newer_one_counts(tmp_path: Path) -> None:
    text = f"{DUMMY}uuid={UUID}\n{MANUAL}address1=192.0.2.%s/32\n"
    source = written_to(tmp_path, {f"{ETC}/{name}": text % name for name in ("1", "2", "3")})
    for name in "1", "3":
        os.utime(tmp_path / ETC.lstrip("/") / name, (0, 0))
    assert [reading.row(entry) for entry in read(source)] == [f"192.0.2.2/32 dummy0 {ETC}/2:7"]


def test_a_profile_that_is_masked(tmp_path: Path) -> None:
    text = f"{DUMMY}uuid={UUID}\n{MANUAL}address1=192.0.2.%s/32\n"
    written_to(tmp_path, {FILE: text % 1})
    (tmp_path / ETC.lstrip("/") / f"{UUID}.nmmeta").symlink_to("/dev/null")
    assert rows(tmp_path, {f"{LIB}/x.nmconnection": text % 2}) == []


def test_what_networkmanager_writes_at_run_time(tmp_path: Path) -> None:
    """A mirror of what others configured on lo, and `nmcli connection modify --temporary`."""
    text = f"{DUMMY}uuid={UUID}\n{MANUAL}address1=192.0.2.%s/32\n"
    files = {
        f"{RUN}/lo.nmconnection": f"{DUMMY}{MANUAL}address1=192.0.2.3/32\n[.nmmeta]\nnm-generated=true\n",
        f"{RUN}/vip.nmconnection": f"{text % 2}[.nmmeta]\nshadowed-storage={FILE}\n",
        FILE: text % 1,
    }
    assert rows(tmp_path, files) == [f"192.0.2.1/32 dummy0 {FILE}:7"]


def test_a_profile_that_netplan_made(tmp_path: Path) -> None:
    file = f"{RUN}/netplan-lo.nmconnection"
    assert rows(tmp_path, {file: f"{DUMMY}{MANUAL}address1=192.0.2.1/32\n"}) == [
        f"192.0.2.1/32 dummy0 {file}:6 (made from netplan's files)"
    ]


def test_files_that_are_no_profiles(tmp_path: Path) -> None:
    text = f"{DUMMY}{MANUAL}address1=192.0.2.1/32\n"
    none = ("a~", ".b", "c.rpmnew", "d.A1b2C3", "e.pem", f"{UUID}.nmmeta")
    assert rows(tmp_path, {f"{ETC}/{name}": text for name in none}) == []
    assert rows(tmp_path, {f"{place}/no-suffix": text for place in (RUN, LIB)}) == []
    some = ("a.bak", "b.dpkg-old", "c.rpmsave", "d.nmconnection.bak", "e.swp")
    assert rows(tmp_path, {f"{ETC}/{name}": text for name in some}) == [
        f"192.0.2.1/32 dummy0 {ETC}/{name}:6" for name in some
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[ipv4]\nmethod=disabled\n", "no addresses with ipv4.method=disabled"),
        ("[ipv4]\nmethod=link-local\n", "no addresses with ipv4.method=link-local"),
        ("[ipv4]\n\n", "no ipv4.method"),
        ("[ipv4]\nmethod=manual\n; a comment\n", "line 6 is not understood"),
    ],
)
def test_a_profile_that_is_not_loaded(tmp_path: Path, text: str, why: str) -> None:
    number = 4 + text.count("\n")
    text = f"{DUMMY}{text}address1=192.0.2.1/32\n"
    assert rows(tmp_path, {FILE: text}) == [
        f"192.0.2.1/32 dummy0 {FILE}:{number} names (not loaded: {why})"
    ]


def test_a_file_that_others_may_read_is_not_loaded(tmp_path: Path) -> None:
    text = f"{DUMMY}uuid={UUID}\n{MANUAL}address1=192.0.2.%s/32\n"
    source = written_to(tmp_path, {FILE: text % 1, f"{LIB}/x.nmconnection": text % 2})
    (tmp_path / FILE.lstrip("/")).chmod(0o640)
    assert [reading.row(entry) for entry in read(source)] == [
        f"192.0.2.1/32 dummy0 {FILE}:7 names (not loaded: its mode 0640 is insecure)",
        f"192.0.2.2/32 dummy0 {LIB}/x.nmconnection:7",
    ]


@pytest.mark.parametrize(
    "value",
    ["vip", "192.0.2.1/33", "192.0.2.1/32;192.0.2.2/32", "192.0.2.1/32 192.0.2.9", "192.0.2.1/32 # VIP"],
)
def test_what_is_not_understood_is_reported(tmp_path: Path, value: str) -> None:
    source = written_to(tmp_path, {FILE: f"{DUMMY}{MANUAL}address1={value}\n"})
    assert list(read(source)) == []
    assert [f"{one.file}:{one.line} {one.reason}" for one in source.unread] == [
        f"{FILE}:6 {value} is not an address"
    ]
