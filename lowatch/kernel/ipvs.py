"""The addresses of IPVS virtual services, which accept connections without a socket.

/proc/net/ip_vs lists those of a network namespace, for everyone (ip_vs_info_seq_show() in
net/netfilter/ipvs/ip_vs_ctl.c). Without the module ip_vs there is no such file.
"""

from __future__ import annotations

import os
import re
from binascii import unhexlify
from pathlib import Path
from typing import NamedTuple

from lowatch.core.addresses import Address
from lowatch.core.known import Unknown
from lowatch.core.limits.kernel import VIRTUAL_SERVICES_READ

LIST = Path("/proc/thread-self/net/ip_vs")
"""Not /proc/net, which a unit with ProcSubset=pid lacks."""

# TCP  0A60000A:0050 rr
# UDP  [2001:0db8:0000:0000:0000:0000:0000:0001]:0035 wlc persistent 300
# FWM  00000007 rr
# The list begins with a heading. "\n" is found faster than "^", and most lines are of real servers.
_SERVICE = re.compile(rb"\n(?:TCP|UDP|SCTP) +(?:([0-9A-F]{8})|\[([0-9a-f:]{39})\]):")
_MARKED = b"\nFWM "
_CHUNK = 1 << 16


class VirtualServices(NamedTuple):
    """addresses: of all services, on any port. marked: whether one is for a firewall mark instead."""

    addresses: frozenset[Address] = frozenset()
    marked: bool = False


def virtual_services(place: Path = LIST) -> VirtualServices | Unknown:
    """The virtual services of this thread's network namespace. Never raises."""
    try:
        text = _read(place)
    except FileNotFoundError:
        if place.parent.exists():
            return VirtualServices()
        return Unknown("ip_vs", f"there is no {place.parent}")  # /proc is not mounted, or another one
    except OSError as error:
        return Unknown("ip_vs", f"{place}: {error.strerror}")
    if text is None:
        VIRTUAL_SERVICES_READ.reached()
        return Unknown("ip_vs", "there are more IPVS virtual services than the limit")
    found = {v4 or v6.replace(b":", b"") for v4, v6 in _SERVICE.findall(text)}
    return VirtualServices(
        frozenset(Address(unhexlify(digits)) for digits in found),
        _MARKED in text,
    )


def _read(place: Path) -> bytes | None:
    """All of it; None if it is longer than the limit. Raises OSError."""
    file = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
    try:
        text = bytearray()
        while chunk := os.read(file, _CHUNK):
            text += chunk
            if len(text) > VIRTUAL_SERVICES_READ.value:
                return None
        return bytes(text)
    finally:
        os.close(file)
