"""Nexthop objects, as the kernel describes them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lowatch.kernel.request_socket import RequestSocket, batches
from lowatch.wire.netlink import NLMSG_ERROR, MalformedMessageError, spans
from lowatch.wire.nexthop import RTM_NEWNEXTHOP, NexthopMessage, get_nexthop, parse_nexthop
from tests.support.mutations import mutants
from tests.support.netns import Netns


def replies(*numbers: int) -> Iterator[tuple[int, bytes]]:
    """Type and body of what the kernel replies to a request for each."""
    route = RequestSocket(0)
    requests = batches([get_nexthop(place, number) for place, number in enumerate(numbers)])
    for reply in route.ask(requests):
        [span] = spans(reply)
        yield span.type, reply[span.start : span.end]
    route.close()


def read(body: bytes) -> NexthopMessage:
    return parse_nexthop(body, 0, len(body))


def test_an_object_is_asked_for_by_its_id(netns: Netns) -> None:
    netns.ip("nexthop add id 7 dev lo")
    netns.ip("nexthop add id 8 blackhole")
    found = list(replies(7, 8))
    assert [kind for kind, _ in found] == [RTM_NEWNEXTHOP, RTM_NEWNEXTHOP]
    assert [read(body) for _, body in found] == [NexthopMessage(7, 1), NexthopMessage(8, 0)]


def test_one_that_is_not_there_is_an_error(netns: Netns) -> None:
    assert [kind for kind, _ in replies(7)] == [NLMSG_ERROR]


def test_a_body_that_is_too_short_is_malformed() -> None:
    with pytest.raises(MalformedMessageError):
        read(bytes(7))


def test_mutants_give_values_or_an_error(netns: Netns) -> None:
    netns.ip("nexthop add id 7 dev lo")
    bodies = [body for _, body in replies(7)]
    for body in mutants(bodies, 2_000):
        try:
            assert read(body).id >= 0
        except MalformedMessageError:
            continue
