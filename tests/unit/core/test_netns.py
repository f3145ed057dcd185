"""Names of network namespaces, and commands inside one."""

from __future__ import annotations

import pytest

from lowatch.core.netns import inside, netns_path, parse_netns


@pytest.mark.parametrize(
    ("text", "name", "path"),
    [
        ("blue", "blue", "/run/netns/blue"),
        ("a b", "a b", "/run/netns/a b"),
        ("/run/netns/blue", "blue", "/run/netns/blue"),
        ("/var/run/netns/blue", "blue", "/run/netns/blue"),
        ("/proc/1/ns/net", "/proc/1/ns/net", "/proc/1/ns/net"),
        ("./blue", "./blue", "./blue"),
    ],
)
def test_names_and_paths(text: str, name: str, path: str) -> None:
    assert parse_netns(text) == name
    assert netns_path(name) == path


@pytest.mark.parametrize("text", ["", ".", "..", "/", "/run/netns/", "/run/netns/..", "a\nb", "a\0"])
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(ValueError, match="is not the name of a network namespace, nor its path"):
        parse_netns(text)


COMMANDS = [
    ("", "ip link set lo up", "ip link set lo up"),
    ("blue", "ip link set lo up", "ip -n blue link set lo up"),
    ("a b", "ip -6 route del ::/0", "ip -n 'a b' -6 route del ::/0"),
    ("blue", "sysctl -w a=1 b=2", "ip netns exec blue sysctl -w a=1 b=2"),
    ("blue", "systemctl start nginx.service", "systemctl start nginx.service"),
    ("blue", "ip a && ip b", "ip -n blue a && ip -n blue b"),
    (
        "/proc/1/ns/net",
        "ip a && ip b",
        "nsenter --net=/proc/1/ns/net ip a && nsenter --net=/proc/1/ns/net ip b",
    ),
    ("/a b", "sysctl -w a=1", "nsenter '--net=/a b' sysctl -w a=1"),
]


@pytest.mark.parametrize(("name", "line", "there"), COMMANDS)
def test_commands_inside(name: str, line: str, there: str) -> None:
    assert inside(name, line) == there
