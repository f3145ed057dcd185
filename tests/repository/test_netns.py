"""The namespaces and sockets that the other tests stand on are what they say."""

import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.netns import CommandError, Netns, as_ordinary_user
from tests.support.waiting import quickest


def current() -> str:
    return str(Path("/proc/thread-self/ns/net").readlink())


def test_the_test_its_commands_and_its_sockets_are_inside(netns: Netns) -> None:
    netns.ip("addr add 192.0.2.10/32 dev lo")
    listener = netns.listener("192.0.2.10", 80)
    assert "192.0.2.10:80" in subprocess.check_output(["ss", "-Hltn"], text=True)
    with netns.sibling().entered():
        assert subprocess.check_output(["ss", "-Hltn"], text=True) == ""
    with socket.create_connection(listener.getsockname(), timeout=5):
        pass


def test_only_lo_and_it_is_up(netns: Netns) -> None:
    assert [name for _, name in socket.if_nameindex()] == ["lo"]
    assert "LOOPBACK,UP" in netns.ip("link show lo")
    assert "inet6 ::1/128" in netns.ip("addr show dev lo")


def test_it_is_left_and_gone_at_the_end() -> None:
    before = current()
    with Netns() as fresh:
        with fresh.entered():
            assert current() != before
        assert current() == before
        path = Path(fresh.path)
        assert str(path.readlink()).startswith("net:")
    assert not path.is_symlink()


def test_left_even_when_the_test_fails() -> None:
    before = current()
    with pytest.raises(ZeroDivisionError), Netns() as fresh, fresh.entered():
        1 // 0  # noqa: B018
    assert current() == before


def test_a_veth_pair_joins_siblings(netns: Netns) -> None:
    other = netns.sibling()
    netns.ip(f"link add veth0 type veth peer name veth1 netns {other.path}")
    netns.batch(["addr add 198.51.100.1/24 dev veth0", "link set veth0 up"])
    other.batch(["addr add 198.51.100.2/24 dev veth1", "link set veth1 up"])
    netns.listener("198.51.100.1", 80)
    with other.entered():
        other.sockets.connect("198.51.100.1", 80)


def test_errors_carry_what_the_command_said(netns: Netns) -> None:
    with pytest.raises(CommandError, match=r'ip addr add 192.0.2.10/32 dev nosuch.*"nosuch"'):
        netns.ip("addr add 192.0.2.10/32 dev nosuch")
    with pytest.raises(CommandError, match="syntax error"):
        netns.nft("no rule")


def test_nft_and_sysctl(netns: Netns) -> None:
    netns.nft("table ip nat { chain out { type nat hook output priority -100; }; }")
    assert "hook output" in netns.run("nft", "list", "ruleset")
    netns.sysctl("net.ipv4.conf.all.arp_ignore", 1)
    assert netns.run("cat", "/proc/sys/net/ipv4/conf/all/arp_ignore") == "1\n"


def test_making_one_is_quick() -> None:
    def seconds() -> float:
        started = time.perf_counter()
        with Netns() as fresh, fresh.entered():
            pass
        return time.perf_counter() - started

    assert quickest(seconds, 0.1, tries=10) < 0.1


def test_an_ordinary_user(netns: Netns) -> None:
    assert netns.run(*as_ordinary_user("id", "-u")) == "1000\n"
    status = netns.run(*as_ordinary_user("grep", "^Cap[PE]", "/proc/self/status"))
    assert {line.split()[1] for line in status.splitlines()} == {"0" * 16}
    netns.listener("127.0.0.1", 80)
    assert "127.0.0.1:80" in netns.run(*as_ordinary_user("ss", "-Hltn"))
    with pytest.raises(CommandError, match="Operation not permitted"):
        netns.run(*as_ordinary_user("ip", "addr", "add", "192.0.2.10/32", "dev", "lo"))


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::1", "::"])
def test_a_full_listener_takes_no_more(netns: Netns, address: str) -> None:
    netns.full_listener(address, 80)
    loopback = "::1" if ":" in address else "127.0.0.1"
    with pytest.raises(TimeoutError):
        netns.sockets.connect(loopback, 80, timeout=0.05)


def test_every_kind_of_listener(netns: Netns) -> None:
    netns.ip("addr add 192.0.2.10/32 dev lo")
    netns.listener("192.0.2.10", 1, reuseport=True)
    netns.listener("192.0.2.10", 1, reuseport=True)
    netns.listener("::", 2, v6only=True)
    netns.listener("0.0.0.0", 2)
    netns.listener("::", 3, v6only=False)
    netns.listener("::ffff:192.0.2.10", 4, v6only=False)
    netns.listener("0.0.0.0", 5, device="lo")
    netns.listener("192.0.2.10", 6, mptcp=True)
    netns.listener("203.0.113.1", 7, freebind=True)
    netns.udp("192.0.2.10", 53)
    for port in range(1, 7):
        netns.sockets.connect("192.0.2.10", port)
    listed = netns.run("ss", "-Hltun")
    for shown in ("[::]:2", "*:3", "[::ffff:192.0.2.10]:4", "0.0.0.0%lo:5", "203.0.113.1:7", ":53"):
        assert shown in listed
