"""Sockets that serve."""

from __future__ import annotations

import pytest

from lowatch.core.addresses import parse_address, parse_port
from lowatch.core.listeners import Listener, Sockets

NGINX = Listener(parse_address("0.0.0.0"), inode=7, uid=33, backlog=128)


@pytest.mark.parametrize(
    ("listener", "full"),
    [
        (NGINX._replace(queued=128), False),
        (NGINX._replace(queued=129), True),
        (NGINX._replace(queued=129, protocol="udp"), False),
    ],
)
def test_an_accept_queue_is_full_beyond_its_limit(listener: Listener, full: bool) -> None:
    assert listener.accept_queue_full is full


def test_the_owner_may_be_of_another_user_namespace() -> None:
    assert NGINX.owner == "uid 33"
    assert NGINX._replace(uid=None).owner == "another user"


def test_sockets_of_two_dumps_add_up() -> None:
    first = Sockets(frozenset({parse_address("192.0.2.10")}), frozenset({("ipv4", parse_port("80"))}))
    second = Sockets(frozenset({parse_address("::1")}), frozenset({("ipv6", parse_port("80"))}))
    assert first.union(second) == Sockets(first.bound | second.bound, first.wildcards | second.wildcards)


def test_union_of_virtual_services() -> None:
    first, second = (Sockets(virtual=frozenset({parse_address(text)})) for text in ("192.0.2.10", "::1"))
    assert first.union(second) == Sockets(virtual=first.virtual | second.virtual)
    assert first.union(Sockets(marked=True)) == Sockets(virtual=first.virtual, marked=True)
