"""What the kernel says of an endpoint at one moment."""

from __future__ import annotations

from lowatch.app.sighting import sight
from lowatch.core.held import FlowRoute
from lowatch.core.verification import Sighting
from tests.unit.app.scripted import OVERRUN, ScriptedHost, at, listens
from tests.unit.app.story import SECOND, VIP, world


def test_where_the_address_alone_decides() -> None:
    now = world()
    host = ScriptedHost(now)
    assert sight(host, at(VIP)) == Sighting(True, FlowRoute.HERE, None)
    assert sight(host, at(SECOND)) == Sighting(False, FlowRoute.HERE, None)
    now.serving[at(VIP)] = listens(at(VIP))
    assert sight(host, at(VIP)).listener == listens(at(VIP))
    now.no_route = {VIP}
    assert sight(host, at(VIP)).local == OVERRUN


def test_where_more_decides() -> None:
    """Routing of the endpoint's own packets counts, wherever the address alone leads."""

    class Selective(ScriptedHost):
        flow_routes_may_differ = True

        def flow_routes(self, endpoints: object) -> list[FlowRoute]:  # type: ignore[override]
            return [flow]

    for flow, local in (
        (FlowRoute.HERE, True),
        (FlowRoute.NO_WAY_BACK, True),
        (FlowRoute.ELSEWHERE, False),
        (FlowRoute.NOWHERE, False),
    ):
        assert sight(Selective(world()), at(VIP))[:2] == (local, flow)
