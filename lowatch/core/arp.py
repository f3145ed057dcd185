"""Who answers ARP, and with what: arp_ignore and arp_announce of the NICs (LVS direct routing).

Sources: arp_ignore(), arp_solicit() and arp_process() in net/ipv4/arp.c, IN_DEV_MAXCONF in
linux/inetdevice.h, ip-sysctl.rst; pinned in tests/kernel_behaviour/test_arp.py.
"""

from __future__ import annotations

from typing import NamedTuple

from .addresses import Address, Prefix


class ArpSettings(NamedTuple):
    """arp_ignore and arp_announce, of one interface or of conf.all. The kernel takes any integer."""

    ignore: int
    announce: int

    def combined(self, other: ArpSettings) -> ArpSettings:
        """What is in effect where both apply: of each the greater number, however strict that is."""
        return ArpSettings(max(self.ignore, other.ignore), max(self.announce, other.announce))


class Nic(NamedTuple):
    """An interface that takes part in ARP itself: up, not loopback, not NOARP, no port of a bridge.

    own: what is set for it alone. addresses, networks: its IPv4 addresses, and the networks that come
    with them.
    """

    name: str
    own: ArpSettings
    addresses: tuple[Address, ...] = ()
    networks: tuple[Prefix, ...] = ()


class Arp(NamedTuple):
    """every: conf.all, which counts for each NIC too. nics: watched or not."""

    every: ArpSettings
    nics: tuple[Nic, ...]


NOBODY = Arp(ArpSettings(0, 0), ())
"""No NIC takes part in ARP: then whatever is set, nothing follows from it."""
