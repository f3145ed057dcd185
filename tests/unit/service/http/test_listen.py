"""What a listener hands on to its connections."""

from __future__ import annotations

import socket

from lowatch.service.http.listen import set_up_connections


def test_no_response_waits_for_a_delayed_acknowledgement() -> None:
    """Linux has connections inherit what the listener was told: 40 ms for each scrape without it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        set_up_connections(listener)
        with socket.create_connection(listener.getsockname()):
            accepted, _ = listener.accept()
            with accepted:
                assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1


def test_a_unix_socket_knows_no_such_thing() -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        set_up_connections(listener)
