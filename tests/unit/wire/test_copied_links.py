"""Links, as a copy of a network needs them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from struct import pack

from hypothesis import given
from hypothesis import strategies as st

from lowatch.kernel.request_socket import NETLINK_ROUTE, RequestSocket, batches
from lowatch.wire.copied_links import (
    PROMOTE_SECONDARIES,
    CopiedLink,
    configure_link,
    copied_link,
    create_link,
    enslave,
    peer_name,
    set_apart,
    set_up,
)
from lowatch.wire.links import dump_links
from lowatch.wire.netlink import NLMSG_DONE, MalformedMessageError, error_code, only_message
from tests.support.netns import Netns

LINK = CopiedLink(7, "eth0", 0x1003, 1400, v4=((PROMOTE_SECONDARIES, 1),), v6=(("forwarding", 0),))


def links() -> dict[str, CopiedLink]:
    with closing(RequestSocket(NETLINK_ROUTE)) as route:
        found = [
            copied_link(data, span.start, span.end)
            for data, spans, _ in route.dump(dump_links(0))
            for span in spans
            if span.type != NLMSG_DONE
        ]
    return {link.name: link for link in found if link is not None}


def do(*requests: bytes) -> Sequence[int]:
    with closing(RequestSocket(NETLINK_ROUTE)) as route:
        replies = [route.ask(batches([one]))[0] for one in requests]
    return [error_code(reply, only_message(reply)) for reply in replies]


def test_what_is_made_is_as_it_was(netns: Netns) -> None:
    codes = do(create_link(0, LINK, "bridge", 7), configure_link(0, LINK, 7), set_up(0, 7, up=True))
    assert codes == [0, 0, 0]
    made = links()["eth0"]
    assert (made.ifindex, made.mtu, made.up, made.noarp) == (7, 1400, True, False)
    assert (PROMOTE_SECONDARIES, 1) in made.v4
    assert "fe80" not in netns.ip("-6 addr show dev eth0")
    assert do(set_up(0, 7, up=False)) == [0]
    assert not links()["eth0"].up


def test_without_arp(netns: Netns) -> None:
    quiet = LINK._replace(flags=LINK.flags | 0x80)
    assert do(create_link(0, quiet, "bridge", 0)) == [0]
    assert do(configure_link(0, quiet, links()["eth0"].ifindex)) == [0]
    assert links()["eth0"].noarp


def test_without_carrier(netns: Netns) -> None:
    """The other end has a name of its own, and stays down."""
    assert do(create_link(0, LINK, "veth", 7), set_up(0, 7, up=True)) == [0, 0]
    found = links()
    assert not found["eth0"].carrier
    assert not found[peer_name(7)].up


def test_another_name(netns: Netns) -> None:
    assert do(create_link(0, LINK, "bridge", 7), set_apart(0, 7, "lw.7")) == [0, 0]
    assert set(links()) == {"lo", "lw.7"}


def test_a_port_of_a_master(netns: Netns) -> None:
    """A bridge is a master, too, but only a VRF matters to routing."""
    assert do(create_link(0, LINK, "bridge", 7), create_link(0, LINK._replace(name="a"), "veth", 8)) == [
        0,
        0,
    ]
    assert do(enslave(0, 8, 7)) == [0]
    assert "master eth0" in netns.ip("link show a")
    assert links()["a"].vrf == 0


def test_lo(netns: Netns) -> None:
    lo = links()["lo"]
    assert (lo.loopback, lo.up, lo.kind) == (True, True, "")
    assert do(configure_link(0, lo, lo.ifindex)) == [0]
    assert dict(lo.v6).keys() == {"forwarding", "disable_ipv6"}


def test_a_carrier_matters_only_to_a_link_that_is_up() -> None:
    assert LINK.behaviour != LINK._replace(carrier=False).behaviour
    down = LINK._replace(flags=0x1002)
    assert down.behaviour == down._replace(carrier=False).behaviour


@given(data=st.binary(max_size=96))
def test_any_octets(data: bytes) -> None:
    try:
        copied_link(pack("=BxHiII", 0, 1, 1, 1, 0) + data, 0, 16 + len(data))
    except MalformedMessageError:
        return
