"""The commands that make a change."""

from __future__ import annotations

import pytest

from lowatch.core.fixes.shell_commands import command
from lowatch.core.plan import Step
from tests.unit.core.worlds import (
    VIP,
    VIP6,
    held,
    route,
)

HOLE = held("2001:db8:9::1", 64)


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (Step("remove", held(VIP, 24)), "ip address del 192.0.2.10/24 dev lo"),
        (Step("remove", held(VIP, interface="a;b")), "ip address del 192.0.2.10/32 dev 'a;b'"),
        (Step("remove", route("192.0.2.10/32")), "ip route del local 192.0.2.10 dev lo table local"),
        (
            Step("remove", route("2001:db8::/48", table=100)),
            "ip -6 route del local 2001:db8::/48 dev lo table 100",
        ),
        (Step("unroute", HOLE), "ip -6 route del 2001:db8:9::/64 dev lo"),
        (Step("add", held(VIP, 24)), "ip address add 192.0.2.10/32 dev lo"),
        (Step("add", held(VIP6)), "ip address add 2001:db8::10/128 dev lo"),
    ],
)
def test_commands(step: Step, said: str) -> None:
    assert command((step,)) == said


def test_what_follows_waits_for_what_was_first() -> None:
    one = held(VIP, 24)
    assert command((Step("add", one), Step("remove", one))) == (
        "ip address add 192.0.2.10/32 dev lo && ip address del 192.0.2.10/24 dev lo"
    )
