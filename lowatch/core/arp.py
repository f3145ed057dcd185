"""The ARP settings of the NICs: arp_ignore and arp_announce, which LVS direct routing depends on.

Sources: arp_ignore(), arp_solicit() and arp_process() in net/ipv4/arp.c, IN_DEV_MAXCONF in
linux/inetdevice.h, ip-sysctl.rst; pinned in tests/kernel_behaviour/test_arp.py.
"""

from __future__ import annotations

from typing import NamedTuple

from .addresses import Address, Prefix


class ArpSettings(NamedTuple):
    """arp_ignore and arp_announce of one interface or of conf.all. The kernel accepts any integer."""

    ignore: int
    announce: int

    def combined(self, other: ArpSettings) -> ArpSettings:
        """The effective settings where both apply: the greater number counts, even if it is less strict."""
        return ArpSettings(max(self.ignore, other.ignore), max(self.announce, other.announce))


class Nic(NamedTuple):
    """An interface that does ARP itself: it is up, and not loopback, NOARP or a port of a bridge.

    own: its own settings. addresses, networks: its IPv4 addresses, and their networks. vrf: the ifindex of
    the VRF that it is in; 0 for none.
    """

    name: str
    own: ArpSettings
    addresses: tuple[Address, ...] = ()
    networks: tuple[Prefix, ...] = ()
    vrf: int = 0


class Arp(NamedTuple):
    """The ARP settings of a host. conf_all: apply to each NIC too. nics: all NICs, watched or not."""

    conf_all: ArpSettings
    nics: tuple[Nic, ...]


NO_ARP = Arp(ArpSettings(0, 0), ())
"""No NIC does ARP, so the settings have no effect."""
