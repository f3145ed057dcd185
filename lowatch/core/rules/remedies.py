"""The commands that would take an address or a route away. Shown, never run."""

from __future__ import annotations

from shlex import quote

from lowatch.core.addresses import Prefix, format_address, is_v4
from lowatch.core.held import Held


def removal(held: Held) -> str:
    """What undoes exactly this: `ip address del` or `ip route del local`."""
    if held.by == "route":
        return route_removal(Prefix(held.address, held.prefixlen), held.interface, held.table)
    local = format_address(held.address)
    if held.peer is not None:
        local += f" peer {format_address(held.peer)}"
    return f"ip address del {local}/{held.prefixlen} dev {quote(held.interface)}"


def route_removal(prefix: Prefix, interface: str, table: int | None) -> str:
    ip = "ip" if is_v4(prefix.address) else "ip -6"
    name = "local" if table in (None, 255) else str(table)
    where = format_address(prefix.address) if prefix.is_host else str(prefix)
    return f"{ip} route del local {where} dev {quote(interface)} table {name}"


def narrowing(held: Held) -> str:
    """What keeps the address, and drops the prefix that came with it."""
    host = Prefix(held.address, len(held.address) * 8)
    steps = [f"ip address add {host} dev {quote(held.interface)}", removal(held)]
    if not is_v4(held.address):
        steps.reverse()  # an interface has an IPv6 address once, whatever its prefix
    return " && ".join(steps)
