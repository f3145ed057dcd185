"""HostTables: what each event changes, what is held then, and what must be asked about again."""

from __future__ import annotations

from struct import pack

import pytest

from lowatch.core.addresses import Address, Prefix, parse_address, parse_prefix
from lowatch.core.arp import ArpSettings, Nic
from lowatch.core.held import Held, Link, LocalRoute
from lowatch.core.policy import Policy
from lowatch.kernel.host_tables import HostTables
from lowatch.kernel.request_socket import Datagram, read_datagram
from lowatch.wire.netlink import NLM_F_REPLACE, MalformedMessageError, attribute, only_message
from lowatch.wire.rtnetlink import (
    RTM_DELADDR,
    RTM_DELLINK,
    RTM_DELROUTE,
    RTM_NEWADDR,
    RTM_NEWLINK,
    RTM_NEWROUTE,
    RTM_NEWRULE,
)
from tests.support.mutations import mutants
from tests.unit.kernel.scripted_socket import done, message

LO, ETH, DUMMY, MASTER = 1, 2, 7, 9
UP, LOOPBACK, NOARP = 0x1, 0x8, 0x80
LOCAL, UNICAST = 2, 1
AF_BRIDGE = 7
UNCHANGED = "unchanged"


def link(index: int, name: str, flags: int = UP, kind: int = RTM_NEWLINK, family: int = 0) -> bytes:
    return message(
        kind, pack("=BxHiII", family, 772, index, flags, 0) + attribute(3, name.encode() + b"\0")
    )


def address(
    text: str,
    index: int = LO,
    kind: int = RTM_NEWADDR,
    peer: str | None = None,
    flags: int = 0x80,
    label: bytes = b"",
    protocol: int | None = None,
    created: int = 12_300,
) -> bytes:
    """`192.0.2.10/24`, as the kernel sends it."""
    octets, length = split(text)
    attributes = [attribute(2, octets), attribute(1, parse_address(peer) if peer else octets)]
    attributes += [attribute(3, label)] if label else []
    attributes += [attribute(11, bytes([protocol]))] if protocol is not None else []
    attributes += [attribute(8, pack("=I", flags)), attribute(6, pack("=IIII", 0, 0, created, created))]
    family = 2 if len(octets) == 4 else 10
    return message(kind, pack("=BBBBI", family, length, flags & 0xFF, 0, index) + b"".join(attributes))


def route(
    text: str,
    index: int = LO,
    kind: int = RTM_NEWROUTE,
    route_type: int = LOCAL,
    table: int = 255,
    protocol: int = 2,
    metric: int = 0,
    source: str | None = None,
    flags: int = 0,
) -> bytes:
    octets, length = split(text)
    header = pack(
        "=BBBBBBBBI",
        2 if len(octets) == 4 else 10,
        length,
        0,
        0,
        min(table, 252),
        protocol,
        0,
        route_type,
        0,
    )
    attributes = [attribute(15, pack("=I", table)), attribute(1, octets), attribute(4, pack("=I", index))]
    attributes += [attribute(7, parse_address(source))] if source is not None else []
    return message(kind, header + b"".join(attributes) + attribute(6, pack("=I", metric)), flags=flags)


def split(text: str) -> tuple[Address, int]:
    host, _, length = text.partition("/")
    octets = parse_address(host)
    return octets, int(length) if length else len(octets) * 8


OWN_ROUTE = route("192.0.2.10/32", source="192.0.2.10")


class Tables(HostTables):
    """With `lo` up and watched, and `eth0` up."""

    def __init__(self, *messages: bytes, watched: str = "lo dummy0") -> None:
        super().__init__(Policy(tuple(watched.split())))
        self.hear(link(LO, "lo", UP | LOOPBACK), link(ETH, "eth0"), *messages)

    def hear(self, *messages: bytes) -> list[str | None]:
        """What each touched, as text: prefixes, None for "any address", or "unchanged"."""
        return [self._hear(each) for each in messages]

    def _hear(self, data: bytes) -> str | None:
        touched = self.apply(data, only_message(data))
        if touched is None:
            return None
        return " ".join(map(str, touched)) or UNCHANGED

    def shown(self) -> list[str]:
        """`address 192.0.2.10/32 lo`, one for each that is held."""
        names = [(one.by, parse_text(one), one.interface) for one in self.held()]
        return [" ".join(parts) for parts in names]


def parse_text(one: Held) -> str:
    return f"{Prefix(one.address, one.prefixlen)}"


def test_an_address_comes_and_goes() -> None:
    tables = Tables()
    assert tables.hear(address("192.0.2.10/32")) == ["192.0.2.10/32"]
    assert tables.shown() == ["address 192.0.2.10/32 lo"]
    assert tables.hear(address("192.0.2.10/32", kind=RTM_DELADDR)) == [None]
    assert tables.shown() == []


@pytest.mark.parametrize(
    ("again", "touched"),
    [
        (address("192.0.2.10/24"), UNCHANGED),
        (address("192.0.2.10/24", flags=0), "192.0.2.0/24"),
        (address("192.0.2.10/24", created=99), "192.0.2.0/24"),
        (address("192.0.2.10/25"), "192.0.2.0/25"),
        (address("192.0.2.10/24", peer="10.0.0.9"), "10.0.0.0/24 192.0.2.10/32"),
        (address("192.0.2.10/24", ETH), "192.0.2.0/24"),
        (address("192.0.2.10/24", kind=RTM_DELADDR), "192.0.2.0/24"),
        (address("192.0.2.10/25", kind=RTM_DELADDR), UNCHANGED),
        (address("192.0.2.10/24", ETH, kind=RTM_DELADDR), UNCHANGED),
        (address("192.0.2.11/24", kind=RTM_DELADDR), UNCHANGED),
    ],
    ids=[
        "the same", "other flags", "a new age", "another prefix", "a peer", "elsewhere", "gone",
        "another prefix gone", "gone elsewhere", "another gone",
    ],
)  # fmt: skip
def test_what_an_address_event_touches(again: bytes, touched: str | None) -> None:
    """Prefixes to ask about again."""
    assert Tables(address("127.0.0.1/8"), address("192.0.2.10/24")).hear(again) == [touched]


@pytest.mark.parametrize(
    ("rows", "gone", "touched"),
    [
        ([], "192.0.2.10/24", None),
        ([address("198.51.100.1/24", ETH), address("2001:db8::2/64")], "192.0.2.10/24", None),
        ([address("127.0.0.1/8")], "192.0.2.10/24", "192.0.2.0/24"),
        ([address("127.0.0.1/8"), route("10.9.0.0/16", source="192.0.2.10")], "192.0.2.10/24", None),
        ([address("127.0.0.1/8"), OWN_ROUTE], "192.0.2.10/24", "192.0.2.0/24"),
        ([address("2001:db8::1/64")], "2001:db8::1/64", "2001:db8::/64"),
    ],
    ids=[
        "the last", "the last IPv4 one of its interface", "one of several", "the source of a route",
        "the source of its own route", "the last IPv6 one",
    ],
)  # fmt: skip
def test_a_deletion_may_take_routes_along(rows: list[bytes], gone: str, touched: str | None) -> None:
    """Then they are dumped, and any address is asked about again. IPv6 routes stay."""
    tables = Tables(address("192.0.2.10/24"), *rows)
    tables.take_suspicion()
    assert tables.hear(address(gone, kind=RTM_DELADDR)) == [touched]
    assert tables.take_suspicion() is (touched is None)
    assert not tables.take_suspicion()


def test_a_source_that_no_route_prefers_any_more() -> None:
    preferring = [route("10.9.0.0/16", source="192.0.2.10"), route("10.8.0.0/16", ETH, source="192.0.2.10")]
    tables = Tables(address("127.0.0.1/8"), address("192.0.2.10/24"), *preferring)
    tables.hear(route("10.9.0.0/16", source="192.0.2.10", kind=RTM_DELROUTE))
    tables.hear(link(ETH, "eth0", kind=RTM_DELLINK))
    assert tables.hear(address("192.0.2.10/24", kind=RTM_DELADDR)) == ["192.0.2.0/24"]


def test_one_ipv4_address_with_two_prefixes_is_two() -> None:
    """An IPv6 one is one: the kernel replaces it."""
    tables = Tables(address("192.0.2.10/24"), address("192.0.2.10/32"))
    assert len(tables.held()) == 2
    tables = Tables(address("2001:db8::1/64", flags=0x40), address("2001:db8::1/64"))
    assert [one.flags for one in tables.held()] == [()]


def test_what_is_held_in_full() -> None:
    tables = Tables(
        address("192.0.2.10/24", label=b"lo:vip\0", flags=0x201),
        address("10.5.0.1/32", peer="10.5.1.2", protocol=1),
        address("2001:db8::1/64", protocol=200),
        route("192.0.2.77/32", protocol=66),
        route("10.9.0.0/16", protocol=4, table=1000),
    )
    assert list(tables.held()) == [
        Held(
            parse_address("192.0.2.10"), 24, "lo", "address", "lo:vip", ("secondary", "noprefixroute"),
            created=123.0, special=("lifetime",),
        ),
        Held(
            parse_address("10.5.0.1"), 32, "lo",
            peer=parse_address("10.5.1.2"), created=123.0, origin="kernel",
        ),
        Held(parse_address("2001:db8::1"), 64, "lo", created=123.0, origin="proto 200"),
        Held(parse_address("192.0.2.77"), 32, "lo", "route", origin="proto 66", table=255),
        Held(parse_address("10.9.0.0"), 16, "lo", "route", origin="static", table=1000),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("messages", "routes"),
    [
        ([address("192.0.2.10/24"), route("192.0.2.10/32"), route("192.0.2.0/24")], []),
        ([address("192.0.2.10/32"), route("192.0.2.0/24")], ["192.0.2.0/24"]),
        ([address("192.0.2.10/24", ETH), route("192.0.2.10/32")], ["192.0.2.10/32"]),
        ([address("192.0.2.10/24"), route("192.0.2.0/25")], ["192.0.2.0/25"]),
        ([address("10.5.0.1/24", peer="10.5.1.2"), route("10.5.0.1/32"), route("10.5.1.0/24")], []),
        ([address("10.5.0.1/24", peer="10.5.1.2"), route("10.5.0.0/24")], ["10.5.0.0/24"]),
        ([address("2001:db8::1/64"), route("2001:db8::1/128")], []),
        ([address("2001:db8::1/64"), route("2001:db8::/64")], ["2001:db8::/64"]),
        ([route("192.0.2.10/32", ETH)], []),
        ([route("192.0.2.10/32", 99)], []),
        ([route("192.0.2.10/32", route_type=UNICAST)], []),
    ],
    ids=[
        "brought by an address", "not by a /32", "not by another interface's", "not by another length",
        "brought by a peer", "not by its own side", "v6", "v6 AnyIP: a /64 brings no local route",
        "elsewhere", "of an unknown link", "no local route",
    ],
)  # fmt: skip
def test_local_routes_that_no_address_brought(messages: list[bytes], routes: list[str]) -> None:
    tables = Tables(*messages)
    assert [parse_text(one) for one in tables.held() if one.by == "route"] == routes


@pytest.mark.parametrize(
    ("event", "touched"),
    [
        (route("10.9.0.0/16"), UNCHANGED),
        (route("10.9.0.0/16", metric=5), "10.9.0.0/16"),
        (route("10.9.0.0/16", table=100), "10.9.0.0/16"),
        (route("10.9.0.0/16", kind=RTM_DELROUTE), "10.9.0.0/16"),
        (route("10.9.0.0/16", ETH, kind=RTM_DELROUTE), "10.9.0.0/16"),
        (route("10.9.1.0/24", route_type=UNICAST), "10.9.1.0/24"),
        (message(RTM_NEWRULE, bytes(12)), None),
    ],
    ids=[
        "the same",
        "another metric",
        "another table",
        "gone",
        "another gone",
        "routed away",
        "a policy rule",
    ],
)
def test_what_a_route_event_touches(event: bytes, touched: str | None) -> None:
    assert Tables(route("10.9.0.0/16")).hear(event) == [touched]


@pytest.mark.parametrize(
    ("event", "suspect"),
    [
        (route("192.0.2.10/32", kind=RTM_DELROUTE), False),
        (route("192.0.2.10/32", kind=RTM_DELROUTE, protocol=4), True),
        (route("192.0.2.11/32", kind=RTM_DELROUTE), True),
        (route("10.9.0.0/16", kind=RTM_DELROUTE), True),
        (route("10.8.0.0/16", kind=RTM_DELROUTE), True),
        (route("10.7.0.0/16", kind=RTM_DELROUTE, route_type=UNICAST), False),
        (route("10.7.0.0/16"), False),
        (route("10.7.0.0/16", flags=NLM_F_REPLACE), True),
        (route("10.9.0.0/16", flags=NLM_F_REPLACE), True),
        (route("10.9.0.0/16", flags=NLM_F_REPLACE, route_type=UNICAST), True),
    ],
    ids=[
        "the only one gone", "one like it gone", "an unknown one gone", "one of two gone",
        "one of two alike gone", "none that is local gone", "a new one", "a new one replaces another",
        "a known one replaces another", "one that is not local replaces another",
    ],
)  # fmt: skip
def test_when_routes_have_to_be_dumped(event: bytes, suspect: bool) -> None:
    """A deletion does not identify which of several routes is gone, nor a new one what it replaced."""
    tables = Tables(
        route("192.0.2.10/32"),
        route("10.9.0.0/16"),
        route("10.9.0.0/16", table=100),
        route("10.8.0.0/16"),
        route("10.8.0.0/16"),
    )
    tables.take_suspicion()
    tables.hear(event)
    assert tables.take_suspicion() is suspect


def test_routes_of_one_prefix_live_side_by_side() -> None:
    tables = Tables(route("10.9.0.0/16"), route("10.9.0.0/16", table=100), route("10.9.0.0/16", ETH))
    tables.hear(route("10.9.0.0/16", kind=RTM_DELROUTE))
    assert tables.wide_routes() == [LocalRoute(parse_prefix("10.9.0.0/16"), "lo", 100)]
    assert tables.local_prefixes().covers(parse_address("10.9.1.1")), "the other interfaces' count too"
    tables.hear(route("10.9.0.0/16", table=100, kind=RTM_DELROUTE))
    assert tables.wide_routes() == []


@pytest.mark.parametrize(
    ("asked", "covered"),
    [("10.9.1.1", True), ("192.0.2.10", True), ("192.0.2.11", False), ("2001:db8::1", False)],
)
def test_where_no_local_route_leads_nothing_is_local(asked: str, covered: bool) -> None:
    tables = Tables(
        route("10.9.0.0/16", ETH), route("192.0.2.10/32"), route("0.0.0.0/0", route_type=UNICAST)
    )
    assert tables.local_prefixes().covers(parse_address(asked)) is covered


def test_links_that_are_renamed_take_their_addresses_along() -> None:
    tables = Tables(link(DUMMY, "dummy1"), address("192.0.2.10/32", DUMMY), route("10.9.0.0/16", DUMMY))
    assert tables.shown() == []
    assert tables.hear(link(DUMMY, "dummy0")) == [None]
    assert tables.shown() == ["address 192.0.2.10/32 dummy0", "route 10.9.0.0/16 dummy0"]
    assert tables.hear(link(DUMMY, "dummy0")) == [UNCHANGED]
    tables.replace_watches(Policy(("dummy9",)))
    assert tables.shown() == []


def test_links_that_go_take_all_along() -> None:
    """With lo down IPv4 addresses go without an event, and so do the routes of a link that is gone."""
    tables = Tables(link(DUMMY, "dummy0"), address("192.0.2.10/32", DUMMY), route("10.9.0.0/16", DUMMY))
    assert tables.hear(link(DUMMY, "dummy0", kind=RTM_DELLINK)) == [None]
    assert tables.shown() == []
    assert not tables.local_prefixes().covers(parse_address("10.9.1.1"))
    assert tables.hear(link(DUMMY, "dummy0", kind=RTM_DELLINK)) == [UNCHANGED]


def test_a_bridge_port_that_leaves_is_no_link_that_goes() -> None:
    tables = Tables(link(DUMMY, "dummy0"), address("192.0.2.10/32", DUMMY))
    left = link(DUMMY, "dummy0", kind=RTM_DELLINK, family=AF_BRIDGE)
    assert tables.hear(left) == [UNCHANGED]
    assert tables.shown() == ["address 192.0.2.10/32 dummy0"]


def test_a_bridge_ports_vlans_are_no_ipv4_settings() -> None:
    """Type 2 of IFLA_AF_SPEC, which is AF_INET for a link, is IFLA_BRIDGE_VLAN_INFO for a port.

    (linux/if_bridge.h. This machine's kernel has no VLAN filtering that could be asked.)
    """
    vlans = attribute(26 | 0x8000, attribute(2, pack("=HH", 6, 1)) + attribute(2, pack("=HH", 0, 10)))
    port = pack("=BxHiII", AF_BRIDGE, 1, DUMMY, UP, 0) + attribute(3, b"dummy0\0") + vlans
    assert Tables(link(DUMMY, "dummy0")).hear(message(RTM_NEWLINK, port)) == [UNCHANGED]


@pytest.mark.parametrize(("flags", "up"), [(UP | LOOPBACK, True), (LOOPBACK, False)])
def test_watched_links(flags: int, up: bool) -> None:
    tables = Tables(link(LO, "lo", flags))
    assert tables.watched_links() == (Link(LO, "lo", up, loopback=True),)


def nic_link(
    name: str = "eth0",
    flags: int = UP,
    arp: tuple[int, int] | None = (1, 2),
    master: str = "",
    partial: bool = False,
    kind: str = "",
    ipv6: bool | None = None,
) -> bytes:
    """A link message as it is in full: with IFLA_AF_SPEC, and IFLA_LINKINFO for a master or a kind."""
    settings = () if arp is None else (pack("=33i", *[0] * 17, arp[1], arp[0], *[0] * 14),)
    ipv4 = b"".join(attribute(2, attribute(1, one)) for one in settings)
    inet6 = b"" if ipv6 is None else attribute(10, attribute(2, pack("=27i", *[0] * 26, not ipv6)))
    whole = b"" if partial else attribute(26, ipv4 + inet6)
    slave = attribute(18, attribute(4, master.encode() + b"\0")) if master else b""
    slave += attribute(10, pack("=I", MASTER)) if master else b""
    slave += attribute(18, attribute(1, kind.encode() + b"\0")) if kind else b""
    header = pack("=BxHiII", 0, 1, ETH, flags, 0)
    return message(RTM_NEWLINK, header + attribute(3, name.encode() + b"\0") + slave + whole)


@pytest.mark.parametrize(
    ("told", "arp"),
    [
        (nic_link(), ArpSettings(1, 2)),
        (nic_link(arp=(-1, 9)), ArpSettings(-1, 9)),
        (nic_link(arp=None), None),
        (nic_link(flags=0), None),
        (nic_link(flags=UP | NOARP), None),
        (nic_link(flags=UP | LOOPBACK), None),
        *((nic_link(master=kind), None) for kind in ("bridge", "bond", "team", "openvswitch")),
        (nic_link(master="vrf"), ArpSettings(1, 2)),
    ],
)
def test_which_links_take_part_in_arp(told: bytes, arp: ArpSettings | None) -> None:
    tables = Tables(told)
    assert tables.links[ETH].arp == arp
    vrf = MASTER if told == nic_link(master="vrf") else 0
    assert tables.nics() == (() if arp is None else (Nic("eth0", arp, vrf=vrf),))


@pytest.mark.parametrize(
    ("told", "vrf"),
    [
        (nic_link(), 0),
        (nic_link(master="bond"), 0),
        (nic_link(master="vrf"), MASTER),
        (nic_link(kind="vrf"), ETH),
        (nic_link(kind="dummy"), 0),
    ],
)
def test_which_vrf_a_link_is_in(told: bytes, vrf: int) -> None:
    tables = Tables(told)
    assert tables.links[ETH].vrf == vrf
    tables.hear(nic_link(partial=True))
    assert tables.links[ETH].vrf == vrf


def test_whether_a_link_can_have_ipv6_addresses() -> None:
    tables = Tables(nic_link(ipv6=True))
    assert tables.links[ETH].ipv6
    assert tables.hear(nic_link(ipv6=False)) == [None]
    assert not tables.links[ETH].ipv6
    assert tables.hear(nic_link(partial=True)) == [UNCHANGED]
    assert tables.hear(nic_link()) == [UNCHANGED]  # a kernel without IPv6
    assert Tables(nic_link(partial=True)).links[ETH].ipv6  # nothing is known against it


def test_a_message_that_tells_nothing_of_ipv4_changes_nothing_of_it() -> None:
    """Wireless drivers send such (rtnetlink_ifinfo_prep)."""
    tables = Tables(nic_link())
    assert tables.hear(nic_link(partial=True)) == [UNCHANGED]
    assert tables.hear(nic_link(flags=0, partial=True)) == [None]
    assert tables.hear(nic_link(partial=True)) == [None]
    assert tables.nics() == ()  # until it is told in full
    assert tables.hear(nic_link(arp=(8, 0))) == [None]
    assert tables.nics() == (Nic("eth0", ArpSettings(8, 0)),)


def test_what_a_nic_has_of_ipv4() -> None:
    addresses = [address("198.51.100.1/24", ETH), address("10.0.0.1/30", ETH, peer="10.0.1.2")]
    tables = Tables(nic_link(), *addresses, address("2001:db8::1/64", ETH), address("192.0.2.10/32"))
    (nic,) = tables.nics()
    assert nic.addresses == (parse_address("198.51.100.1"), parse_address("10.0.0.1"))
    assert nic.networks == (parse_prefix("198.51.100.0/24"), parse_prefix("10.0.1.0/30"))


def holders(tables: Tables) -> list[str]:
    return [" ".join(f"{held.interface}/{held.prefixlen}" for held in group) for group in tables.twins()]


def test_addresses_on_a_watched_interface_and_on_another_one() -> None:
    tables = Tables(
        *(link(index, name) for index, name in ((ETH, "eth0"), (DUMMY, "dummy0"), (8, "eth1"))),
        address("192.0.2.10/24", ETH),
        address("192.0.2.10/32"),
        address("192.0.2.10/24", DUMMY),
        address("192.0.2.20/32", ETH),
        address("192.0.2.20/32", 8),
        address("192.0.2.30/32"),
        address("192.0.2.30/24"),
    )
    assert holders(tables) == ["dummy0/24 lo/32 eth0/24"]
    tables.replace_watches(Policy(interfaces=("eth*",)))
    assert holders(tables) == ["eth0/24 dummy0/24 lo/32", "eth0/32 eth1/32"]
    tables.hear(nic_link(master="vrf"))  # another VRF's address is another one
    assert holders(tables) == []


def dump(*messages: bytes) -> list[Datagram]:
    return [read_datagram(b"".join(padded(each) for each in messages)), read_datagram(done())]


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def test_refilling_replaces_what_was_there() -> None:
    tables = Tables(address("192.0.2.10/32"), route("10.9.0.0/16"))
    assert tables.refill("addresses", dump(address("192.0.2.20/32"), address("192.0.2.21/32")))
    assert tables.shown() == [
        "address 192.0.2.20/32 lo",
        "address 192.0.2.21/32 lo",
        "route 10.9.0.0/16 lo",
    ]
    assert not tables.refill("addresses", dump(address("192.0.2.21/32"), address("192.0.2.20/32")))
    assert tables.refill("routes", dump())
    assert tables.refill("addresses", dump())
    assert tables.shown() == []


def test_a_malformed_dump_changes_nothing() -> None:
    tables = Tables(address("192.0.2.10/32"))
    broken = message(RTM_NEWADDR, pack("=BBBBI", 2, 32, 0, 0, 1))
    with pytest.raises(MalformedMessageError):
        tables.refill("addresses", dump(address("192.0.2.20/32"), broken))
    assert tables.shown() == ["address 192.0.2.10/32 lo"]


def test_mutated_events_are_taken_or_refused() -> None:
    """Nothing but MalformedMessageError escapes, and the tables can still be listed."""
    tables = Tables()
    seeds = [
        link(DUMMY, "dummy0"),
        nic_link(master="vrf"),
        address("192.0.2.10/24", label=b"lo:vip\0", peer="10.0.0.9"),
        address("2001:db8::1/64", protocol=1),
        route("10.9.0.0/16"),
        route("2001:db8::/48", kind=RTM_DELROUTE),
    ]
    for data in mutants(seeds, 5_000):
        try:
            tables.apply(data, only_message(data))
        except MalformedMessageError:
            continue
    assert tables.held()
    assert tables.local_prefixes().covers(parse_address("10.9.1.1")) in (True, False)
    assert isinstance(tables.wide_routes(), list)
    assert isinstance(tables.nics(), tuple)


@pytest.mark.parametrize(
    ("messages", "differ"),
    [
        ([address("2001:db8::1/64"), route("2001:db8::1/128")], False),
        ([address("2001:db8::1/64")], True),
        ([address("2001:db8::1/64", flags=0xC0)], False),
        ([address("192.0.2.1/32")], False),
        ([route("192.0.2.0/24")], False),
        ([route("192.0.2.1/32", table=100)], True),
    ],
    ids=["an IPv6 source", "without its route", "still tentative", "IPv4", "AnyIP", "another table"],
)
def test_more_than_the_address_decides(messages: list[bytes], differ: bool) -> None:
    assert Tables(*messages).flow_routes_may_differ() is differ
