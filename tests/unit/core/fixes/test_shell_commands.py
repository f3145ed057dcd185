"""The commands that make a change."""

from __future__ import annotations

import pytest

from lowatch.core.findings import Action, Change
from lowatch.core.fixes.shell_commands import command
from tests.unit.core.worlds import (
    VIP,
    VIP6,
    held,
    route,
)

HOLE = held("2001:db8:9::1", 64)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (Change(Action.REMOVE, held(VIP, 24)), "ip address del 192.0.2.10/24 dev lo"),
        (Change(Action.REMOVE, held(VIP, interface="a;b")), "ip address del 192.0.2.10/32 dev 'a;b'"),
        (Change(Action.REMOVE, route("192.0.2.10/32")), "ip route del local 192.0.2.10 dev lo table local"),
        (
            Change(Action.REMOVE, route("2001:db8::/48", table=100)),
            "ip -6 route del local 2001:db8::/48 dev lo table 100",
        ),
        (
            Change(Action.NARROW, held(VIP, 24)),
            "ip address add 192.0.2.10/32 dev lo && ip address del 192.0.2.10/24 dev lo",
        ),
        (Change(Action.UNROUTE, HOLE), "ip -6 route del 2001:db8:9::/64 dev lo"),
        (Change(Action.ADD, held(VIP6)), "ip address add 2001:db8::10/128 dev lo"),
    ],
)
def test_commands(change: Change, said: str) -> None:
    assert command(change) == said
