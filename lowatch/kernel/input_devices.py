"""By which device a local client's packets to an address arrive: SO_BINDTODEVICE is judged by it."""

from __future__ import annotations

from collections.abc import Callable

from lowatch.core.addresses import Address
from lowatch.core.held import Delivery
from lowatch.core.limits import KERNEL_ANSWERS_KEPT

LOOPBACK_INDEX = 1
"""lo is the first device of every network namespace (LOOPBACK_IFINDEX, include/net/flow.h)."""


class Arrivals:
    """What routing last said of each address that was asked about.

    Local delivery passes through lo, and yet the packet counts as received by the device of the matched
    route, the one that holds the address: rt_iif in ip_route_output_key_hash_rcu(), IP6CB(skb)->iif in
    ip6_rcv_core(). Nearly always that is lo itself; only the others are kept.
    """

    def __init__(self) -> None:
        self._devices: dict[Address, int] = {}
        self._forget: list[Callable[[], None]] = []

    def on_change(self, forget: Callable[[], None]) -> None:
        """Call this whenever an address arrives by another device than before."""
        self._forget.append(forget)

    def learn(self, address: Address, delivery: Delivery) -> None:
        device = delivery.ifindex if delivery.local else LOOPBACK_INDEX
        if device == self.device(address):
            return
        if device == LOOPBACK_INDEX:
            del self._devices[address]
        else:
            if len(self._devices) >= KERNEL_ANSWERS_KEPT.value:
                KERNEL_ANSWERS_KEPT.reached()
                del self._devices[next(iter(self._devices))]
            self._devices[address] = device
        for forget in self._forget:
            forget()

    def device(self, address: Address) -> int:
        """The index of a device: that of lo, unless routing named another one."""
        return self._devices.get(address, LOOPBACK_INDEX)
