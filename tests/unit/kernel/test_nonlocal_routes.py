"""Routes that are not local, as a real kernel dumps them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lowatch.core.addresses import parse_address, parse_prefix
from lowatch.core.known import Known, Unknown
from lowatch.core.limits.kernel import ROUTES_LISTED
from lowatch.core.surroundings import Route
from lowatch.kernel.nonlocal_routes import NonlocalRoutes
from tests.support.netns import Netns

NAMES = {1: "lo"}


@pytest.fixture
def routes(netns: Netns) -> Iterator[NonlocalRoutes]:
    netns.ip("link set lo up")
    netns.batch(
        [
            "addr add 198.51.100.1/24 dev lo",
            "route add 203.0.113.0/24 dev lo src 198.51.100.1",
            "route add blackhole 192.0.2.0/24",
            "route add unreachable 192.0.2.0/25 table 77",
        ]
    )
    found = NonlocalRoutes()
    yield found
    found.close()


def test_all_of_every_table_with_what_a_fix_depends_on(routes: NonlocalRoutes) -> None:
    found = routes.all(NAMES.__getitem__)
    assert isinstance(found, Known)
    assert {one for one in found.value if len(one.prefix.address) == 4} == {
        Route(parse_prefix("203.0.113.0/24"), "unicast", ("lo",), 254, parse_address("198.51.100.1")),
        Route(parse_prefix("192.0.2.0/24"), "blackhole"),
        Route(parse_prefix("192.0.2.0/25"), "unreachable", table=77),
    }


def test_the_prefixes_of_one_table(routes: NonlocalRoutes) -> None:
    assert routes.prefixes(77, v4=True) == Known(frozenset({parse_prefix("192.0.2.0/25")}))


def test_a_table_that_is_not_there_is_unknown(routes: NonlocalRoutes) -> None:
    found = routes.prefixes(78, v4=True)
    assert isinstance(found, Unknown)
    assert "No such file or directory" in found.reason


def test_more_than_are_listed_is_unknown(routes: NonlocalRoutes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ROUTES_LISTED, "value", 0)
    found = routes.all(NAMES.__getitem__)
    assert isinstance(found, Unknown)
    assert found.source == "netlink"
