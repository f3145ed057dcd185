"""The parts of a world: addresses, names and ports, and the policies that reloads bring."""

from __future__ import annotations

from ipaddress import ip_interface
from typing import Literal

from lowatch.core.addresses import Address, Port, parse_address, parse_port, parse_prefix
from lowatch.core.arp import Arp, ArpSettings, Nic
from lowatch.core.held import Held
from lowatch.core.listeners import Endpoint
from lowatch.core.policy import Acknowledgement, Domain, Policy

from .loop import STARTED_AT, WALL_AT_START

LO, DUMMY, ETH = "lo", "dummy0", "eth0"
IFINDEX = {LO: 1, ETH: 2, DUMMY: 3}


def holds(
    text: str, interface: str = LO, by: Literal["address", "route"] = "address", created: float = 10.0
) -> Held:
    network = ip_interface(text)
    address = Address(network.ip.packed)
    if by == "route":
        return Held(address, network.network.prefixlen, interface, by)
    return Held(address, network.network.prefixlen, interface, label=interface, created=created)


HOLDINGS = (
    holds("192.0.2.10/32"),
    holds("192.0.2.11/32"),
    holds("198.51.100.1/32"),
    holds("2001:db8::10/128"),
    holds("192.0.2.10/32", DUMMY),
    holds("203.0.113.1/24", DUMMY),
    holds("198.51.0.0/16", by="route"),
    holds("2001:db8:1::1/64", DUMMY),
)
"""The addresses and routes that may be held."""
HELD_AT_FIRST = (0, 1, 3)

VIPS = tuple(
    parse_address(one)
    for one in ("192.0.2.10", "192.0.2.11", "198.51.100.1", "2001:db8::10", "203.0.113.7", "198.51.7.7")
)
FAR = tuple(parse_address(one) for one in ("100.64.0.1", "100.64.0.2", "2001:db8:ffff::1"))
ADDRESSES = (*VIPS, *FAR)

PORTS = tuple(parse_port(one) for one in ("80", "443", "8443", "53/udp", "5222"))
ENDPOINTS = tuple(Endpoint(address, port) for address in VIPS for port in PORTS)
ANY_ADDRESS = Address(bytes(4))
"""The wildcard address of a listener that serves every IPv4 address."""

SERVICE = "_xmpp-client._tcp.example.com"
TARGET = "im.example.com"
NAMES = (*(f"www{number}.example.com" for number in range(6)), SERVICE)
ASKED = (*NAMES[:-1], TARGET)
"""The names that have addresses."""


def _domain(name: str, ports: str, *, any_of: bool = False) -> Domain:
    return Domain(name, tuple(map(parse_port, ports.split())), any_of)


_DOMAINS = (
    _domain(NAMES[0], "80 443", any_of=True),
    _domain(NAMES[1], "80 443", any_of=True),
    _domain(NAMES[2], "443"),
    _domain(NAMES[3], "8443 53/udp"),
    _domain(NAMES[4], "80"),
    _domain(NAMES[5], "80 8443"),
    _domain(SERVICE, ""),
)


def policies(hold: float) -> tuple[Policy, ...]:
    """The policies that a reload may bring: other names, an acknowledgement that expires, another hold."""
    domains = {domain.name: domain for domain in _DOMAINS}
    fewer = {name: one for name, one in domains.items() if name not in NAMES[1:3]}
    whole = Policy((LO, DUMMY), domains, expect=(VIPS[1],), hold=hold)
    accepted = Acknowledgement(
        WALL_AT_START + STARTED_AT + 40_000.0,
        "until the move",
        kind="orphan-vip",
        address=parse_prefix("192.0.2.10"),
    )
    return (
        whole,
        Policy((LO, DUMMY), fewer, expect=(VIPS[1],), hold=hold),
        Policy((LO, DUMMY), domains, expect=(VIPS[1],), hold=hold, acknowledgements=(accepted,)),
        Policy((LO,), domains, hold=hold / 2),
    )


ARPS = (
    Arp(ArpSettings(1, 2), (Nic(ETH, ArpSettings(0, 0), (FAR[0],)),)),
    Arp(ArpSettings(0, 0), (Nic(ETH, ArpSettings(0, 0), (FAR[0],)),)),
)


def port(text: str) -> Port:
    return parse_port(text)
