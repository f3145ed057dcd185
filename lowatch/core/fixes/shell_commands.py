"""The commands that make a change. They are shown; `lowatch clean` makes changes without them."""

from __future__ import annotations

from lowatch.core.addresses import Prefix, format_address, host_length, is_v4
from lowatch.core.held import TABLE_LOCAL, Held
from lowatch.core.plan import Plan, Step
from lowatch.core.printable import shell_word


def command(plan: Plan) -> str:
    """One line for a shell, which stops at the first command that fails."""
    return " && ".join(map(_of_step, plan))


def _of_step(step: Step) -> str:
    match step.do:
        case "add":
            return _addition(step.held)
        case "remove":
            return removal(step.held)
        case "unroute":  # the address keeps all its flags; only its route is removed
            return f"ip -6 route del {step.held.prefix} dev {shell_word(step.held.interface)}"


def removal(held: Held) -> str:
    """The command that removes exactly this: `ip address del` or `ip route del local`."""
    if held.by == "route":
        return _route_removal(held)
    return (
        f"ip address del {format_address(held.address)}/{held.prefixlen} dev {shell_word(held.interface)}"
    )


def _route_removal(held: Held) -> str:
    ip = "ip" if is_v4(held.address) else "ip -6"
    table = "local" if held.table in (None, TABLE_LOCAL) else str(held.table)
    where = format_address(held.address) if held.prefix.is_host else str(held.prefix)
    return f"{ip} route del local {where} dev {shell_word(held.interface)} table {table}"


def _addition(held: Held) -> str:
    host = Prefix(held.address, host_length(held.address))
    return f"ip address add {host} dev {shell_word(held.interface)}"
