"""When a cache has a fresh answer again: not at the TTL, but a second later.

unbound counts in whole seconds of the wall clock, and an entry is good through the last of them. So
a name is asked for again at TTL + 1 s: earlier means the old answer, and a TTL of 0 with it.
"""

from __future__ import annotations

import socket
import time

import dns.message

from lowatch.config.settings import Nameserver
from tests.support.dns_server import Knot
from tests.support.unbound import Unbound

NAMES = [f"n{n}.example.com" for n in range(20)]


def zone(address: str) -> str:
    return "\n".join(f"{name}. 1 A {address}" for name in NAMES)


def ask_all(server: Nameserver) -> set[tuple[int, str]]:
    """TTL and address of every name."""
    found = set()
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        sock.connect((server.host, server.port))
        for name in NAMES:
            sock.send(dns.message.make_query(name, "A").to_wire())
            (rrset,) = dns.message.from_wire(sock.recv(4096)).answer
            found.add((rrset.ttl, rrset[0].address))
    return found


def sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))


def test_at_the_ttl_a_cache_has_the_old_answer_and_a_second_later_a_fresh_one() -> None:
    with Knot({"example.com": zone("192.0.2.1")}) as knot, Unbound(knot.nameserver) as unbound:
        time.sleep((0.1 - time.time()) % 1)  # until a tenth after the edge of a second
        assert ask_all(unbound.plain) == {(1, "192.0.2.1")}
        replied = time.monotonic()
        knot.replace("example.com", zone("192.0.2.2"))
        sleep_until(replied + 1.0)
        assert ask_all(unbound.plain) == {(0, "192.0.2.1")}
        sleep_until(replied + 2.0)
        assert ask_all(unbound.plain) == {(1, "192.0.2.2")}
