"""The device through which a local client's packets to an address arrive; SO_BINDTODEVICE refers to it."""

from __future__ import annotations

from collections.abc import Callable

from lowatch.core.addresses import Address
from lowatch.core.held import Delivery
from lowatch.core.limits.kernel import KERNEL_ANSWERS_KEPT

LOOPBACK_INDEX = 1
"""lo is the first device of every network namespace (LOOPBACK_IFINDEX, include/net/flow.h)."""


class InputDevices:
    """The input device of each address that has been looked up.

    Local delivery passes through lo, but the packet counts as received by the device of the matched route,
    which is the one that holds the address: rt_iif in ip_route_output_key_hash_rcu(), IP6CB(skb)->iif in
    ip6_rcv_core(). That is nearly always lo, so only other devices are stored.
    """

    def __init__(self) -> None:
        self._devices: dict[Address, int] = {}
        self._forget: list[Callable[[], None]] = []

    def on_change(self, forget: Callable[[], None]) -> None:
        """Call `forget` whenever an address gets another input device than before."""
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
        """The index of an address's input device: lo, unless routing reported another one."""
        return self._devices.get(address, LOOPBACK_INDEX)
