"""All that lowatch asks and hears is there for any user: no capability is needed."""

from __future__ import annotations

import sys

import pytest

from tests.support.netns import Netns
from tests.support.repository import ROOT

# The same uid (another one may not exist in a test user's namespace), and no capability, now or later.
_AS_ANYBODY = (
    "setpriv",
    "--inh-caps=-all",
    "--ambient-caps=-all",
    "--bounding-set=-all",
    "--no-new-privs",
    "--",
)

_ASK = """
from tests.kernel_behaviour.asking import is_local, lookup
assert is_local("192.0.2.10")
assert lookup("192.0.2.10", "80/tcp").inode
"""
_HEAR = """
import socket
from lowatch.wire.inet_diag import parse_socket
from tests.kernel_behaviour.asking import NETLINK_ROUTE, NETLINK_SOCK_DIAG, hearing
with hearing(NETLINK_ROUTE, 1, 5, 7, 8, 9, 11, 19), hearing(NETLINK_SOCK_DIAG, 1, 2, 3, 4) as closed:
    socket.create_server(("127.0.0.1", 8080)).close()
    event = closed.until(lambda _: True)[-1]
    assert parse_socket(event.data, event.start, event.end).port == 8080
"""
_FILTER = """
from lowatch.kernel.filters import attach, route_event_filter
from tests.kernel_behaviour.asking import NETLINK_ROUTE, netlink_socket
sock = netlink_socket(NETLINK_ROUTE)
attach(sock, route_event_filter())
sock.close()
"""


def _as_anybody(netns: Netns, script: str) -> str:
    return netns.run(
        *_AS_ANYBODY, sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{script}"
    )


@pytest.mark.parametrize("script", [_ASK, _HEAR, _FILTER], ids=["ask", "hear", "filter"])
def test_any_user_may(netns: Netns, script: str) -> None:
    netns.ip("addr add 192.0.2.10/32 dev lo")
    netns.listener("192.0.2.10", 80)
    assert _as_anybody(netns, f"{script}\nprint('done')") == "done\n"


def test_that_user_may_do_nothing_else(netns: Netns) -> None:
    """That is: the above really runs without privilege."""
    lines = _as_anybody(netns, "print(open('/proc/self/status').read())").splitlines()
    assert {line.split()[1] for line in lines if line.startswith("Cap")} == {"0" * 16}
