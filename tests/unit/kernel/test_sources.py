"""Sources: what routing answers. (tests/kernel_behaviour compares it with clients.)"""

from __future__ import annotations

import pytest

from lowatch.core.addresses import parse_address
from lowatch.core.known import Unknown
from lowatch.core.sources import Source
from lowatch.kernel.request_socket import RequestSocket
from lowatch.kernel.sources import Sources
from tests.support.netns import Netns
from tests.support.waiting import eventually
from tests.unit.kernel.scripted_routes import asking

VIP6, FAR = parse_address("2001:db8::10"), parse_address("2001:4860::1")


def test_sources_of_what_leaves_this_host(netns: Netns) -> None:
    netns.ip("link set lo up")
    netns.batch(["link add eth0 type bridge", "link set eth0 up"])
    netns.ip("addr add 2001:db8::10/64 dev eth0 nodad")
    netns.ip("-6 route add default dev eth0")
    eventually(lambda: "tentative" not in netns.ip("-6 addr show"))
    index = int(netns.ip("-o link show eth0").split(":")[0])
    socket = RequestSocket(0)
    sources = Sources(socket)
    assert sources.ask([FAR, VIP6]) == [Source(VIP6, index), None]
    netns.ip("-6 route del default")
    netns.ip("-6 route add unreachable default")
    assert sources.ask([FAR]) == [None]
    socket.close()


def test_no_answer_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    sources = Sources(asking(monkeypatch, [OSError(105, "No buffer space")], [OSError(105, "No")]))
    (answer,) = sources.ask([FAR])
    assert isinstance(answer, Unknown)
