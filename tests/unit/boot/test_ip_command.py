"""Shell commands that add addresses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowatch.boot.ip_command import added
from lowatch.core.addresses import format_address


def texts(command: str) -> list[str]:
    return [
        f"{'?' if one.written is None else format_address(one.written.address)}"
        f"{'' if one.written is None or one.written.length is None else f'/{one.written.length}'}"
        f" {one.interface}{' route' if one.is_route else ''}"
        for one in added(command, "eth0")
    ]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("ip addr add 192.0.2.1/32 dev lo", ["192.0.2.1/32 lo"]),
        ("/sbin/ip -family inet a a local 192.0.2.1 label lo:1 dev lo", ["192.0.2.1 lo"]),
        ("ip address replace 2001:db8::1/128 dev lo preferred_lft 0", ["2001:db8::1/128 lo"]),
        ("ip addr add 192.0.2.1 peer 192.0.2.2/30 dev tun0", ["192.0.2.1/30 tun0"]),
        ("sudo ip addr add 192.0.2.1/32 dev ${IFACE} 2>/dev/null || :", ["192.0.2.1/32 eth0"]),
        (
            "A=1 ip addr add 192.0.2.1/32 dev lo; ip addr add 192.0.2.2/32 dev lo",
            ["192.0.2.1/32 lo", "192.0.2.2/32 lo"],
        ),
        ("(ip addr add 192.0.2.1/32 dev lo) && true", ["192.0.2.1/32 lo"]),
        ('ip addr add "$VIP" dev lo', ["? lo"]),
        ("ip route add local 192.0.2.0/24 dev lo", ["192.0.2.0/24 lo route"]),
        ("ip r replace local 192.0.2.1 dev lo table local", ["192.0.2.1 lo route"]),
        ("ifconfig lo:0 192.0.2.1 netmask 255.255.255.255 up", ["192.0.2.1/32 lo"]),
        ("ifconfig lo inet6 add 2001:db8::1/128", ["2001:db8::1/128 lo"]),
        ("ifconfig lo up", []),
        ("ip addr del 192.0.2.1/32 dev lo", []),
        ("ip addr flush dev lo", []),
        ("ip -n blue addr add 192.0.2.1/32 dev lo", []),
        ("ip route add 192.0.2.0/24 dev eth0", []),
        ("ip link set lo up", []),
        ("echo ip addr add 192.0.2.1/32 dev lo", []),
        ("# ip addr add 192.0.2.1/32 dev lo", []),
        ("ip addr add '192.0.2.1/32 dev lo", []),
        ("", []),
    ],
)
def test_what_a_command_adds(command: str, said: list[str]) -> None:
    assert texts(command) == said


@given(st.lists(st.sampled_from(["ip", "addr", "add", "dev", "peer", "local", "ifconfig", ";", "'", "$X"])))
def test_no_command_is_too_odd(words: list[str]) -> None:
    for one in added(" ".join(words), "eth0"):
        assert one.written is None
