"""lowatch's own connects are known by their cookies."""

from __future__ import annotations

import socket

from lowatch.core.limits.kernel import OWN_CLIENTS
from lowatch.kernel.own_clients import COOKIE_LENGTH, OwnClients


def cookie(client: socket.socket) -> bytes:
    return client.getsockopt(socket.SOL_SOCKET, 57, COOKIE_LENGTH)


def test_each_is_known_once() -> None:
    own = OwnClients()
    with socket.socket() as ours, socket.socket() as other:
        own.add(ours)
        assert not own.take(cookie(other))
        assert own.take(cookie(ours))
        assert not own.take(cookie(ours))


def test_the_oldest_are_forgotten() -> None:
    own, times = OwnClients(), OWN_CLIENTS.times
    cookies = []
    for _ in range(OWN_CLIENTS.value + 2):
        with socket.socket() as ours:
            own.add(ours)
            cookies.append(cookie(ours))
    assert [own.take(one) for one in (*cookies[:3], cookies[-1])] == [False, False, True, True]
    assert OWN_CLIENTS.times == times + 2
