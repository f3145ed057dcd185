"""IPv6 source addresses: what the kernel chooses for packets whose sender did not choose (RFC 6724)."""

from __future__ import annotations

from collections.abc import Container
from typing import NamedTuple

from .addresses import Address
from .held import Held
from .known import Known

_ULA, _ULA_MASK = 0xFC, 0xFE
_NEAR = range(1, 64)


class Source(NamedTuple):
    """What routing says of a destination: the source address and the interface of packets to it."""

    address: Address
    ifindex: int


class SourceChoice(NamedTuple):
    """The kernel chooses a VIP, `held`, as the source of packets to `destination`.

    interface: by which they leave. instead: an address of this host itself that could be chosen instead.
    """

    held: Held
    destination: Address
    interface: str
    instead: Address


NO_CHOICES: Known[tuple[SourceChoice, ...]] = Known(())


def may_be_source(held: Held) -> bool:
    """Whether it is a permanent IPv6 address that nobody has kept from being a source."""
    return (
        held.by == "address"
        and not set(held.flags) & {"deprecated", "tentative", "dadfailed", "mngtmpaddr", "secondary"}
        and "lifetime" not in held.special
        and held.scope == 0
    )


def destinations(vip: Address, local: Container[Address]) -> tuple[Address, ...]:
    """Where the kernel is most likely to choose a VIP: near it, and far away.

    The longest common prefix decides between addresses that are alike otherwise (rule 8 of RFC 6724, 5), so
    no destination is more likely than a neighbour. A distant one has no common prefix to speak of: there
    the kernel takes the address that was added last. Both have the VIP's label (rule 6).
    """
    number = int.from_bytes(vip, "big")
    neighbours = (Address((number ^ flipped).to_bytes(len(vip), "big")) for flipped in _NEAR)
    near = next((one for one in neighbours if one not in local), None)
    far = Address(vip[:1] + bytes(0xFF ^ octet for octet in vip[1:8]) + vip[8:])
    return (far,) if near is None else (near, far)


def alike(one: Address, other: Address) -> bool:
    """Whether both are unique local addresses (fc00::/7), or neither is: one may stand in for the other."""
    return (one[0] & _ULA_MASK == _ULA) is (other[0] & _ULA_MASK == _ULA)
