"""keepalived.conf(5). tests/foreign_behaviour/test_keepalived_conf.py asks keepalived itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowatch.boot.keepalived import MAIN, read
from lowatch.boot.source import Source
from tests.unit.boot.reading import rows, unread

MASTER = "may add (while it is master)"


def test_addresses_of_an_instance(tmp_path: Path) -> None:
    text = (
        "vrrp_instance one {\n"
        "    virtual_ipaddress {\n"
        "        192.0.2.10 # not 192.0.2.11\n"
        "        192.0.2.12/24 brd 192.0.2.255 dev lo label lo:vip ! nor this\n"
        "    }\n"
        "    interface eth0\n"
        "    virtual_ipaddress_excluded\n"
        "    {\n"
        "        2001:db8::10\n"
        "    }\n"
        "    virtual_routes { 198.51.100.0/24 dev eth0 }\n"
        "}\n"
    )
    assert rows(read, tmp_path, {MAIN: text}) == [
        f"192.0.2.10/32 eth0 {MAIN}:3 {MASTER}",
        f"192.0.2.12/24 lo {MAIN}:4 {MASTER}",
        f"2001:db8::10/128 eth0 {MAIN}:9 {MASTER}",
    ]


def test_what_it_adds_whoever_is_master(tmp_path: Path) -> None:
    text = "static_ipaddress {\n 192.0.2.10/32 dev lo\n}\nstatic_routes {\n 192.0.2.11/32 dev lo\n}\n"
    assert rows(read, tmp_path, {MAIN: text}) == [f"192.0.2.10/32 lo {MAIN}:2"]


def test_includes(tmp_path: Path) -> None:
    second = "vrrp_instance b {\n interface eth1\n include inc\n include b.conf\n}\n"
    files = {
        MAIN: "include conf.d/*.conf\ninclude none\n",
        "/etc/keepalived/conf.d/b.conf": second,
        "/etc/keepalived/conf.d/inc": "virtual_ipaddress { 192.0.2.20 }\n",
    }
    assert rows(read, tmp_path, files) == [f"192.0.2.20/32 eth1 /etc/keepalived/conf.d/inc:1 {MASTER}"]


def test_a_device_of_its_own(tmp_path: Path) -> None:
    text = "vrrp_instance v {\n interface eth0\n use_vmac\n virtual_ipaddress {\n 192.0.2.10\n }\n}\n"
    assert rows(read, tmp_path, {MAIN: text}) == [f"192.0.2.10/32 - {MAIN}:5 {MASTER}"]


def test_a_line_for_some_hosts_only(tmp_path: Path) -> None:
    text = "static_ipaddress {\n @web1 192.0.2.10/32 dev lo\n}\n"
    assert rows(read, tmp_path, {MAIN: text}) == [
        f"192.0.2.10/32 lo {MAIN}:2 may add (where @web1 applies)"
    ]


def test_what_is_not_understood_is_reported(tmp_path: Path) -> None:
    text = "static_ipaddress {\n $VIP\n @web1\n}\ninclude /etc/$X\n"
    assert unread(read, tmp_path, {MAIN: text}) == [
        f"{MAIN}:2 $VIP is not an address",
        f"{MAIN}:3 it is not an address",
        f"{MAIN}:5 the path /etc/$X is not understood",
    ]


def test_include_files_that_never_end(tmp_path: Path) -> None:
    files = {MAIN: "include i0\n"} | {f"/etc/keepalived/i{n}": f"include i{n + 1}\n" for n in range(30)}
    assert unread(read, tmp_path, files) == ["/etc/keepalived/i16:0 is included too deeply"]


@settings(max_examples=25)  # each makes a directory
@given(
    st.lists(
        st.sampled_from(
            ["vrrp_instance a {\n", "virtual_ipaddress {\n", "}\n", "{\n", '"', "192.0.2.1\n", "!", "\n"]
        )
        | st.text(max_size=8),
        max_size=30,
    )
)
def test_any_file_is_read_to_its_end(tmp_path_factory: pytest.TempPathFactory, pieces: list[str]) -> None:
    root = tmp_path_factory.mktemp("root")
    path = root / "etc/keepalived/keepalived.conf"
    path.parent.mkdir(parents=True)
    last = "\nstatic_ipaddress {\n 203.0.113.1 dev last\n}\n"
    path.write_bytes("".join(pieces).encode("utf-8", "surrogatepass") + last.encode())
    assert [entry.interface for entry in read(Source(root))][-1:] == ["last"]
