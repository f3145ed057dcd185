"""The `ip` commands of an undo script."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lowatch.core.addresses import format_address, is_v4
from lowatch.core.printable import shell_word

from .rows import FOREVER, LOCAL_KIND, AddressRow, RouteRow
from .undo import Entry

_FLAGS = (
    (0x02, "nodad"),
    (0x04, "optimistic"),
    (0x10, "home"),
    (0x100, "mngtmpaddr"),
    (0x200, "noprefixroute"),
    (0x400, "autojoin"),
)
"""Those that ip-address(8) can set, as linux/if_addr.h numbers them."""
_TYPES = {1: "", LOCAL_KIND: "local "}
_MTU_LOCKED = 1 << 2
_METRICS = {
    "RTAX_WINDOW": "window",
    "RTAX_ADVMSS": "advmss",
    "RTAX_HOPLIMIT": "hoplimit",
    "RTAX_INITCWND": "initcwnd",
    "RTAX_INITRWND": "initrwnd",
    "RTAX_QUICKACK": "quickack",
    "RTAX_REORDERING": "reordering",
    "RTAX_CWND": "cwnd",
    "RTAX_SSTHRESH": "ssthresh",
}
_PREFERENCES = {1: "high", 3: "low"}
"""RFC 4191, as linux/icmpv6.h numbers them."""


def shell_lines(entries: Iterable[Entry]) -> Iterator[str]:
    """Adds what was removed, then deletes what was added."""
    entries = tuple(entries)
    removed = [row for was, row in entries if was == "removed"]
    yield from (_added(row) for row in removed if isinstance(row, AddressRow))
    yield from (_routed(row) for row in removed if isinstance(row, RouteRow))
    for was, row in entries:
        if was == "added" and isinstance(row, AddressRow):
            where = f"{format_address(row.address)}/{row.prefixlen}"
            yield f"ip address del {where} dev {shell_word(row.interface)}"


def _added(row: AddressRow) -> str:
    words = ["ip address replace", format_address(row.address)]
    words[-1] += (
        f"/{row.prefixlen}" if row.peer is None else f" peer {format_address(row.peer)}/{row.prefixlen}"
    )
    words.append(f"dev {shell_word(row.interface)}")
    words += [f"broadcast {format_address(row.broadcast)}"] if row.broadcast else []
    words += [f"label {shell_word(row.label)}"] if row.label and row.label != row.interface else []
    words += [f"scope {row.scope}"] if is_v4(row.address) and row.scope else []
    words += [f"metric {row.priority}"] if row.priority else []
    words += [f"proto {row.protocol}"] if row.protocol else []
    words += [name for bit, name in _FLAGS if row.flags & bit]
    if (row.preferred, row.valid) != (FOREVER, FOREVER):
        words += [f"valid_lft {_seconds(row.valid)} preferred_lft {_seconds(row.preferred)}"]
    return " ".join(words)


def _seconds(seconds: int) -> str:
    return "forever" if seconds == FOREVER else str(seconds)


def _routed(row: RouteRow) -> str:
    v4 = is_v4(row.prefix.address)
    words = ["ip route append" if v4 else "ip -6 route add", f"{_TYPES.get(row.kind, '')}{row.prefix}"]
    words += [f"via {format_address(row.gateway)}"] if row.gateway else []
    words += [f"dev {shell_word(row.interface)} table {row.table} proto {row.protocol}"]
    words += [f"tos {row.tos}"] if row.tos else []
    words += [f"scope {row.scope}"] if v4 else []
    words += [f"metric {row.priority}"] if row.priority else []
    words += [f"src {format_address(row.source)}"] if row.source else []
    metrics = dict(row.metrics)
    if "RTAX_MTU" in metrics:
        locked = "lock " if metrics.get("RTAX_LOCK", 0) & _MTU_LOCKED else ""
        words.append(f"mtu {locked}{metrics['RTAX_MTU']}")
    words += [f"{word} {metrics[name]}" for name, word in _METRICS.items() if name in metrics]
    words += [f"pref {_PREFERENCES[row.preference]}"] if row.preference in _PREFERENCES else []
    return " ".join(words)
