"""The device through which a local client's packets to an address arrive; SO_BINDTODEVICE refers to it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from lowatch.core.addresses import Address
from lowatch.core.held import Delivery
from lowatch.core.limits.kernel import KERNEL_ANSWERS_KEPT
from lowatch.core.listeners import Endpoint

LOOPBACK_INDEX = 1
"""lo is the first device of every network namespace (LOOPBACK_IFINDEX, include/net/flow.h)."""


_Key = TypeVar("_Key", Address, Endpoint)


class InputDevices:
    """The input device of each address that has been looked up, and of each endpoint where they differ.

    Local delivery passes through lo, but the packet counts as received by the device of the matched route,
    which is the one that holds the address: rt_iif in ip_route_output_key_hash_rcu(), IP6CB(skb)->iif in
    ip6_rcv_core(). That is nearly always lo, so only other devices are stored.

    generation: goes up when something gets another input device than before.
    """

    def __init__(self) -> None:
        self._devices: dict[Address, int] = {}
        self._of_flows: dict[Endpoint, int] = {}
        self.generation = 0

    def learn(self, address: Address, delivery: Delivery) -> None:
        """Store the device of an address whose policy rules look at nothing else."""
        self.learn_all((address,), delivery)

    def learn_all(self, addresses: Iterable[Address], delivery: Delivery) -> None:
        """The same of several addresses."""
        device = delivery.ifindex if delivery.local else LOOPBACK_INDEX
        if self._devices or device != LOOPBACK_INDEX:
            for address in addresses:
                self._store(self._devices, address, device, LOOPBACK_INDEX)

    def learn_flow(self, endpoint: Endpoint, device: int) -> None:
        """Store the device of an endpoint: policy rules may choose it by the port or the source."""
        self._store(self._of_flows, endpoint, device, self._of_address(endpoint.address))

    def forget_flows(self) -> None:
        """The address alone decides again."""
        if self._of_flows:
            self._of_flows.clear()
            self.generation += 1

    def device(self, endpoint: Endpoint) -> int:
        """The index of an endpoint's input device: lo, unless routing reported another one."""
        known = self._of_flows.get(endpoint) if self._of_flows else None
        return self._devices.get(endpoint.address, LOOPBACK_INDEX) if known is None else known

    def _of_address(self, address: Address) -> int:
        return self._devices.get(address, LOOPBACK_INDEX)

    def _store(self, devices: dict[_Key, int], key: _Key, device: int, default: int) -> None:
        """Store what differs from the default."""
        if device == devices.get(key, default):
            return
        if device == default:
            del devices[key]
        else:
            if len(devices) >= KERNEL_ANSWERS_KEPT.value:
                KERNEL_ANSWERS_KEPT.reached()
                del devices[next(iter(devices))]
            devices[key] = device
        self.generation += 1
