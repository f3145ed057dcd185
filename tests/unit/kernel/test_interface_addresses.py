"""InterfaceAddresses: one row for each address, and what is kept of what was made of it."""

from __future__ import annotations

from lowatch.core.addresses import parse_address, parse_prefix
from lowatch.kernel.interface_addresses import InterfaceAddresses
from lowatch.wire.rtnetlink import AddressMessage, AddressShape

LO, ETH = 1, 2
NAMES = {LO: "lo"}


def address(
    text: str, index: int = LO, length: int = 0, flags: int = 0x80, peer: str | None = None
) -> AddressMessage:
    local = parse_address(text)
    family = 2 if len(local) == 4 else 10
    shape = AddressShape(family, index, length or len(local) * 8, 0, flags, None, None)
    return AddressMessage(local, None if peer is None else parse_address(peer), 1.0, shape)


VIP, V6 = address("192.0.2.10"), address("2001:db8::1", length=64)


def test_what_is_held_is_made_again_only_where_it_changed() -> None:
    addresses = InterfaceAddresses([VIP, V6, address("198.51.100.1", ETH)])
    first, second = addresses.held(NAMES)
    assert addresses.put(address("192.0.2.10", flags=0x81))
    assert addresses.put(address("192.0.2.20"))
    changed, same, new = addresses.held(NAMES)
    assert (changed.flags, same is second) == (("secondary",), True)
    assert new.address == parse_address("192.0.2.20")
    assert addresses.discard(V6)
    assert addresses.held(NAMES) == [changed, new]
    addresses.put(VIP)
    assert addresses.held(NAMES)[0] == first


def test_what_is_held_has_the_interfaces_name() -> None:
    addresses = InterfaceAddresses([VIP, address("198.51.100.1", ETH)])
    assert [one.interface for one in addresses.held(NAMES)] == ["lo"]
    assert [one.interface for one in addresses.held({LO: "lo9", ETH: "eth0"})] == ["lo9", "eth0"]
    assert [one.interface for one in addresses.held({ETH: "eth0"})] == ["eth0"]
    addresses.discard_link(ETH)
    assert addresses.held({ETH: "eth0"}) == []


def test_which_interface_has_an_ipv4_address() -> None:
    addresses = InterfaceAddresses([VIP, V6, address("2001:db8::2", ETH)])
    assert not addresses.put(VIP)
    assert [addresses.has_ipv4(index) for index in (LO, ETH, 3)] == [True, False, False]
    assert addresses.discard(VIP)
    assert not addresses.discard(VIP)
    assert not addresses.has_ipv4(LO)


def test_by_interface() -> None:
    addresses = InterfaceAddresses([VIP, V6, address("192.0.2.10", ETH)])
    assert addresses.by_link({LO, 3}) == {LO: {VIP.local, V6.local}, 3: set()}
    assert addresses.every() == {VIP.local, V6.local}
    assert addresses.repeated() == {VIP.local}
    addresses.discard_link(ETH)
    assert addresses.repeated() == set()
    assert addresses == InterfaceAddresses([V6, VIP])


def test_two_prefixes_of_one_address_are_no_repetition() -> None:
    assert InterfaceAddresses([VIP, address("192.0.2.10", length=24)]).repeated() == set()


def test_wide_ipv4_prefixes() -> None:
    addresses = InterfaceAddresses(
        [VIP, V6, address("10.0.0.1", length=24), address("10.5.0.1", ETH, length=24, peer="10.5.1.2")]
    )
    assert addresses.ipv4_networks() == {
        (parse_prefix("10.0.0.0/24"), LO),
        (parse_prefix("10.5.1.0/24"), ETH),
    }


def test_ipv6_addresses_that_may_be_sources() -> None:
    assert InterfaceAddresses([VIP, V6, address("2001:db8::2", flags=0x40)]).ipv6_sources() == {V6.local}


def test_interfaces_that_come_and_go_leave_nothing() -> None:
    """A new one has a new index, so what each leaves would add up."""
    addresses = InterfaceAddresses()
    for index in range(10, 20):
        addresses.put(address("198.51.100.1", index))
        addresses.discard_link(index)
    assert not any(len(kept) for kept in vars(addresses).values())
