"""The commands that make a change. Shown, never run."""

from __future__ import annotations

from lowatch.core.addresses import Prefix, format_address, host_length, is_v4
from lowatch.core.findings import Action, Change
from lowatch.core.held import Held
from lowatch.core.printable import shell_word


def command(change: Change) -> str:
    """One line for a shell."""
    held = change.held
    match change.action:
        case Action.REMOVE:
            return removal(held)
        case Action.NARROW:
            # Add first, so that the address is always there. It becomes a primary address, because no other
            # IPv4 prefix of that length covers it.
            return f"{_addition(held)} && {removal(held)}"
        case Action.UNROUTE:
            # The address keeps all its flags; only its route is removed.
            return f"ip -6 route del {held.prefix} dev {shell_word(held.interface)}"
        case Action.ADD:
            return _addition(held)
        case Action.HUSH:
            raise ValueError("which settings, only the rule knows")


def removal(held: Held) -> str:
    """The command that removes exactly this: `ip address del` or `ip route del local`."""
    if held.by == "route":
        return _route_removal(held)
    return (
        f"ip address del {format_address(held.address)}/{held.prefixlen} dev {shell_word(held.interface)}"
    )


def _route_removal(held: Held) -> str:
    ip = "ip" if is_v4(held.address) else "ip -6"
    table = "local" if held.table in (None, 255) else str(held.table)
    where = format_address(held.address) if held.prefix.is_host else str(held.prefix)
    return f"{ip} route del local {where} dev {shell_word(held.interface)} table {table}"


def _addition(held: Held) -> str:
    host = Prefix(held.address, host_length(held.address))
    return f"ip address add {host} dev {shell_word(held.interface)}"
