"""Addresses of domains that the kernel delivers here, and that an audit took for those of other hosts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import islice

from lowatch.core.addresses import Address, is_link_local
from lowatch.core.held import Delivery
from lowatch.core.policy import Policy
from lowatch.core.snapshot import Snapshot

from .host_observation import Holders
from .kernel_answers import place, placed_addresses
from .ports import Host, Resolver
from .sighting import sight

_CHUNK = 512
"""Domains whose addresses are looked up before the loop may run."""


async def overlooked(
    host: Host, resolver: Resolver, policy: Policy, snapshot: Snapshot
) -> list[tuple[str, Address]]:
    """Every domain with an address that is local, and that the snapshot does not have.

    host: one that has kept nothing. The kernel is asked about each address, also where no dump has a local
    route to it.
    """
    holders, names = Holders(host.held()), iter(policy.domains)
    found: list[tuple[str, Address]] = []
    while some := list(islice(names, _CHUNK)):
        unseen = [(name, address) for name in some for address in _unseen(name, resolver, policy, snapshot)]
        addresses = list(dict.fromkeys(address for _, address in unseen))
        deliveries = host.deliveries(addresses) if addresses else []
        places = {
            address: place(host, holders, address, delivery)
            for address, delivery in zip(addresses, deliveries, strict=True)
            if isinstance(delivery, Delivery) and delivery.local
        }
        for name, address in unseen:
            here = {address: places.get(address)}
            placed = placed_addresses(
                policy.domains[name], resolver.answer(name), here, resolver.stub_addresses
            )
            if any(sight(host, endpoint).local is True for one in placed for endpoint in one.endpoints):
                found.append((name, address))
        await asyncio.sleep(0)
    return found


def _unseen(name: str, resolver: Resolver, policy: Policy, snapshot: Snapshot) -> Iterator[Address]:
    """The addresses of a domain that the audit took for those of other hosts."""
    observed, seen = snapshot.domains.get(name), set()
    if observed is not None:
        seen = {one.address for one in observed.local} | {address for address, _ in observed.undecided}
    for address, _ in resolver.answer(name).expected(policy.domains[name].ports):
        if address not in seen and not is_link_local(address):
            yield address
