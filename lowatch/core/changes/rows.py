"""Addresses and routes with all their attributes: what it takes to add one again as it was."""

from __future__ import annotations

from typing import NamedTuple

from lowatch.core.addresses import Address, Prefix, format_address, is_v4

FOREVER = 0xFFFFFFFF
"""A lifetime that does not end (INFINITY_LIFE_TIME)."""

F_SECONDARY, F_DADFAILED, F_DEPRECATED, F_TENTATIVE, F_PERMANENT = 0x01, 0x08, 0x20, 0x40, 0x80
"""Flags of linux/if_addr.h. The first one means temporary (RFC 4941) for IPv6."""
_PASSING = F_TENTATIVE | F_DADFAILED

LOCAL_KIND = 2
"""RTN_LOCAL (linux/rtnetlink.h)."""
_KERNEL = 2  # RTPROT_KERNEL

Others = tuple[tuple[str, str], ...]
"""Attributes that cannot be restored: name and value."""


class AddressRow(NamedTuple):
    """An address of an interface.

    peer: None if it is the address itself. flags, scope, protocol (IFA_PROTO): numbers of linux/if_addr.h
    and linux/rtnetlink.h. priority: the metric of its prefix route (IFA_RT_PRIORITY). preferred, valid:
    seconds that are left.
    """

    interface: str
    address: Address
    prefixlen: int
    peer: Address | None = None
    label: str | None = None
    flags: int = 0
    scope: int = 0
    broadcast: Address | None = None
    priority: int | None = None
    protocol: int | None = None
    preferred: int = FOREVER
    valid: int = FOREVER
    others: Others = ()

    def __str__(self) -> str:
        peer = f" peer {format_address(self.peer)}" if self.peer else ""
        return f"{format_address(self.address)}{peer}/{self.prefixlen} dev {self.interface}"

    @property
    def place(self) -> tuple[str, Address, int, Address | None]:
        """What the kernel allows once: an interface can hold an IPv6 address only once."""
        if is_v4(self.address):
            return self.interface, self.address, self.prefixlen, self.peer
        return self.interface, self.address, 0, None

    @property
    def lasting(self) -> AddressRow:
        """Without what passes by itself: lifetimes that run out, and duplicate address detection."""
        left = [
            min(seconds, 1) if seconds != FOREVER else FOREVER for seconds in (self.preferred, self.valid)
        ]
        return self._replace(flags=self.flags & ~_PASSING, preferred=left[0], valid=left[1])


class RouteRow(NamedTuple):
    """A route through at most one interface ("" for none). gateway: of the same family.

    kind, protocol, scope: numbers of linux/rtnetlink.h. metrics: by pyroute2's names, such as RTAX_MTU.
    preference: IPv6's RTA_PREF. flags: RTNH_F_... that a person can set.
    """

    interface: str
    prefix: Prefix
    table: int
    kind: int
    protocol: int
    scope: int = 0
    tos: int = 0
    priority: int = 0
    source: Address | None = None
    metrics: tuple[tuple[str, int], ...] = ()
    preference: int | None = None
    flags: int = 0
    gateway: Address | None = None
    others: Others = ()

    @property
    def by_kernel(self) -> bool:
        """Whether the kernel added it, as it does for an address."""
        return self.protocol == _KERNEL

    def __str__(self) -> str:
        return f"{self.prefix} dev {self.interface} table {self.table}"


class KernelState(NamedTuple):
    """Addresses and routes in the kernel's order.

    routes: the local, broadcast and unicast ones of all tables, kind by kind.
    """

    addresses: tuple[AddressRow, ...]
    routes: tuple[RouteRow, ...]


class ChangeError(Exception):
    """A change that the kernel refused, or a state that cannot be read. One line.

    code: the errno; 0 if there is none.
    """

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


def restorable(row: AddressRow | RouteRow) -> str:
    """Why a row could not be added again as it was; "" if it can."""
    names = ", ".join(name for name, _ in row.others)
    return f"{row} has {names}, which could not be restored" if names else ""
