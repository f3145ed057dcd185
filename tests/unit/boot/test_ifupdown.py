"""interfaces(5). tests/foreign_behaviour/test_ifupdown.py compares it with ifup itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowatch.boot.ifupdown import MAIN, read
from lowatch.boot.source import Source
from tests.unit.boot.reading import rows, unread, written_to


def test_addresses_of_stanzas_that_are_brought_up(tmp_path: Path) -> None:
    text = (
        "auto lo lo:0\n"
        "iface lo inet loopback\n"
        "# a comment \\\n"
        "iface lo:0 inet static\n"
        "\taddress 192.0.2.10\n"
        "\tnetmask 255.255.255.255\n"
        "allow-hotplug eth0\n"
        "iface eth0 inet6 static\n"
        "  address \\\n"
        "    2001:db8::1/64\n"
        "iface eth0 inet dhcp\n"
    )
    assert rows(read, tmp_path, {MAIN: text}) == [
        f"192.0.2.10/32 lo {MAIN}:5",
        f"2001:db8::1/64 eth0 {MAIN}:9",
    ]


def test_a_stanza_that_nothing_brings_up(tmp_path: Path) -> None:
    text = "iface dummy0 inet static\n address 192.0.2.10/32\n"
    note = "(not at boot: no auto or allow-hotplug line for dummy0)"
    assert rows(read, tmp_path, {MAIN: text}) == [f"192.0.2.10/32 dummy0 {MAIN}:2 may add {note}"]


def test_a_method_that_ignores_addresses(tmp_path: Path) -> None:
    text = "auto lo\niface lo inet loopback\n address 192.0.2.10/32\n"
    note = "(ifupdown2 and ifupdown-ng add it, ifupdown does not (method loopback))"
    assert rows(read, tmp_path, {MAIN: text}) == [f"192.0.2.10/32 lo {MAIN}:3 may add {note}"]


def test_commands_that_add_addresses_and_local_routes(tmp_path: Path) -> None:
    text = (
        "auto lo\n"
        "iface lo inet loopback\n"
        "    up ip addr add 192.0.2.10/32 dev lo label lo:vip || true\n"
        "    post-up ip -6 a replace 2001:db8::10/128 dev $IFACE\n"
        "    pre-up ip route add local 198.51.100.0/24 dev lo\n"
        "    down ip addr del 192.0.2.10/32 dev lo\n"
        "    down ip addr add 192.0.2.11/32 dev lo\n"
        "    up /etc/network/vip.sh 192.0.2.12/32\n"
    )
    assert rows(read, tmp_path, {MAIN: text}) == [
        f"192.0.2.10/32 lo {MAIN}:3",
        f"2001:db8::10/128 lo {MAIN}:4",
        f"198.51.100.0/24 lo {MAIN}:5 route",
    ]


def test_files_that_are_sourced(tmp_path: Path) -> None:
    stanza = "auto {0}\niface {0} inet static\n address 192.0.2.{1}/32\n"
    files = {
        MAIN: "source interfaces.d/*\nsource-directory /etc/network/more\n",
        "/etc/network/interfaces.d/a.cfg": stanza.format("a", 1),
        "/etc/network/interfaces.d/.hidden": stanza.format("b", 2),
        "/etc/network/more/c": stanza.format("c", 3),
        "/etc/network/more/d.cfg": stanza.format("d", 4),
        "/etc/network/interfaces.d/e": "source e\nsource ../interfaces\n" + stanza.format("e", 5),
    }
    assert rows(read, tmp_path, files) == [
        "192.0.2.1/32 a /etc/network/interfaces.d/a.cfg:3",
        "192.0.2.5/32 e /etc/network/interfaces.d/e:5",
        "192.0.2.3/32 c /etc/network/more/c:3",
    ]


@pytest.mark.parametrize(
    ("auto", "row"),
    [
        ("auto /dum*", "192.0.2.1/32 dummy0 {}:3"),
        ("auto /*=dummy0", "192.0.2.1/32 - {}:3"),
        ("auto eth7=dummy0", "192.0.2.1/32 eth7 {}:3"),
    ],
)
def test_patterns_and_logical_names(auto: str, row: str, tmp_path: Path) -> None:
    text = f"{auto}\niface dummy0 inet static\n address 192.0.2.1/32\n"
    assert rows(read, tmp_path, {MAIN: text}) == [row.format(MAIN)]


def test_what_is_not_understood_is_reported(tmp_path: Path) -> None:
    text = (
        "source /etc/$HOME/x\niface lo inet static\n address www.example.com\n up ip addr add $VIP dev lo\n"
    )
    assert unread(read, tmp_path, {MAIN: text}) == [
        f"{MAIN}:1 the path /etc/$HOME/x is not understood",
        f"{MAIN}:3 www.example.com is not an address",
        f"{MAIN}:4 adds an address that it does not spell out",
    ]


@settings(max_examples=25)  # each makes a directory
@given(
    st.lists(
        st.sampled_from(
            [
                "iface lo inet static\n",
                "auto lo\n",
                " address ",
                "192.0.2.1/32\n",
                " up ip addr add ",
                "\\\n",
                "'",
            ]
        )
        | st.text(max_size=8),
        max_size=30,
    )
)
def test_any_file_is_read_to_its_end(tmp_path_factory: pytest.TempPathFactory, pieces: list[str]) -> None:
    root = tmp_path_factory.mktemp("root")
    path = root / "etc/network/interfaces"
    path.parent.mkdir(parents=True)
    last = "\n\nauto last\niface last inet static\n address 203.0.113.1/32\n"
    path.write_bytes("".join(pieces).encode("utf-8", "surrogatepass") + last.encode())
    assert [entry.interface for entry in read(Source(root))][-1:] == ["last"]


def test_a_host_without_ifupdown(tmp_path: Path) -> None:
    assert list(read(written_to(tmp_path, {}))) == []
