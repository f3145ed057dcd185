"""SKNLGRP_INET{,6}_{TCP,UDP}_DESTROY: a socket is gone. And what no event tells."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from lowatch.wire.inet_diag import (
    DESTROY_GROUPS,
    TCP_CLOSE,
    SocketMessage,
    parse_socket,
)
from tests.kernel_behaviour.asking import NETLINK_SOCK_DIAG, Ear, Event, connects, hearing
from tests.support.netns import Netns

_SERVE = """
import socket, sys, time
kind = socket.SOCK_STREAM if sys.argv[1] == "tcp" else socket.SOCK_DGRAM
sock = socket.socket(socket.AF_INET, kind)
sock.bind(("192.0.2.10", 80))
if kind == socket.SOCK_STREAM:
    sock.listen()
print("serving", flush=True)
time.sleep(60)
"""


@pytest.fixture
def ear(netns: Netns) -> Iterator[Ear]:
    netns.ip("addr add 192.0.2.10/32 dev lo")
    with hearing(NETLINK_SOCK_DIAG, *DESTROY_GROUPS) as heard:
        yield heard


def gone(event: Event) -> SocketMessage:
    return parse_socket(event.data, event.start, event.end)


def gone_from_80(ear: Ear) -> SocketMessage:
    return gone(ear.until(lambda event: gone(event).port == 80)[-1])


@pytest.mark.parametrize(
    ("address", "options"),
    [
        ("192.0.2.10", {}),
        ("0.0.0.0", {}),
        ("::", {}),
        ("::1", {}),
        ("192.0.2.10", {"mptcp": True}),
        ("::ffff:192.0.2.10", {"v6only": False}),
    ],
)
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_close_is_announced(
    netns: Netns, ear: Ear, protocol: str, address: str, options: dict[str, bool]
) -> None:
    """Where it was bound is intact; peer, uid and inode are zero."""
    if protocol == "udp" and "mptcp" in options:
        options = {}
    made = (netns.listener if protocol == "tcp" else netns.udp)(address, 80, **options)
    made.close()
    message = gone_from_80(ear)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    assert message.address == socket.inet_pton(family, address)
    assert (message.state, message.peer_port) == (TCP_CLOSE, 0)
    assert (message.uid, message.inode) == (0, 0)


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_kill_9_is_announced(ear: Ear, protocol: str) -> None:
    command = [sys.executable, "-S", "-c", _SERVE, protocol]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        server.stdout.readline()
        os.kill(server.pid, signal.SIGKILL)
    assert gone_from_80(ear).address == socket.inet_aton("192.0.2.10")


def test_one_of_a_reuseport_group_is_announced_while_the_other_serves(netns: Netns, ear: Ear) -> None:
    """So an event means "ask again", and never "nobody serves"."""
    first, _ = (netns.listener("192.0.2.10", 80, reuseport=True) for _ in range(2))
    first.close()
    gone_from_80(ear)
    assert connects("192.0.2.10")


def test_shutdown_of_a_listener_is_silent_until_close(netns: Netns, ear: Ear) -> None:
    listener = netns.listener("192.0.2.10", 80)
    listener.shutdown(socket.SHUT_RDWR)
    assert not connects("192.0.2.10")
    netns.udp("0.0.0.0", 9).close()
    assert 80 not in [gone(e).port for e in ear.until(lambda event: gone(event).port == 9)]
    listener.close()
    gone_from_80(ear)


def test_a_new_listener_is_silent(netns: Netns, ear: Ear) -> None:
    netns.listener("192.0.2.10", 80)
    netns.udp("0.0.0.0", 9).close()
    assert 80 not in [gone(e).port for e in ear.until(lambda event: gone(event).port == 9)]


def test_connections_are_announced_too_some_of_them_without_their_peers_port(
    netns: Netns, ear: Ear
) -> None:
    """dport == 0 alone does not mean a listener: a connection that was reset has it as well."""
    listener = netns.listener("192.0.2.10", 80)
    client = netns.sockets.connect("192.0.2.10", 80)
    port = client.getsockname()[1]
    accepted, _ = listener.accept()
    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    accepted.close()  # a reset
    client.close()
    message = gone(ear.until(lambda event: gone(event).port == port)[-1])
    assert message.peer_port in (0, 80)
    listener.close()
    gone_from_80(ear)
