"""Makes a network namespace like another one: links, addresses, nexthops, routes and rules.

A link is stood in for by a bridge without ports, or by a veth if it has no carrier: routing looks at its
index, flags, carrier and settings, not at its kind. (To load the module of a dummy or an ifb may make such
an interface on the host itself.)
"""

from __future__ import annotations

import errno
import os
import select
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import zip_longest

from lowatch.core.addresses import format_address
from lowatch.kernel.request_socket import RequestSocket, batches
from lowatch.wire.copied_links import (
    CopiedLink,
    configure_link,
    create_link,
    enslave,
    peer_name,
    set_apart,
    set_up,
)
from lowatch.wire.copies import NLM_F_APPEND, NLM_F_EXCL, Row, is_group, numbered
from lowatch.wire.netlink import error_code, only_message
from lowatch.wire.rtnetlink import (
    AF_INET,
    AF_INET6,
    RTM_NEWADDR,
    RTM_NEWROUTE,
    RTM_NEWRULE,
    parse_address,
    parse_route,
)

from .settings import Settings
from .state import TABLES, State, read_rows, read_state

_PASSES = 5
"""A route may need another one that leads to its gateway, which may need a third."""
_SETTLED_WITHIN = 1.0
"""Seconds for IPv6's local routes, which the kernel adds from a work queue."""
_TICK = 0.002


class CopyError(Exception):
    """What cannot be copied, in a few words."""


class Copy:
    """The calling process's network namespace, made to be like another one."""

    def __init__(self, route: RequestSocket, real: State, settings: Settings) -> None:
        """route: a socket of the copy, which is empty. Raises CopyError, NetlinkError."""
        self._route = route
        self._real = real
        self.indexes: dict[int, int] = {}
        fresh = read_state(route)
        if fresh.held():
            raise CopyError("the new network namespace is not empty")
        self._make_links(fresh)
        settings.write(CopyError)
        self._join_vrfs()
        self._fill()

    def do(self, requests: Sequence[bytes]) -> list[int]:
        """The errno of each request, 0 for success. requests[i] must have sequence number i."""
        replies = self._route.ask(batches(requests))
        return [error_code(reply, only_message(reply)) for reply in replies]

    def _need(self, what: str, request: bytes) -> None:
        [code] = self.do([request])
        if code:
            raise CopyError(f"{what}: {os.strerror(code)}")

    def _make_links(self, fresh: State) -> None:
        # VRFs first, because others join them. The other end of a veth takes the next free index.
        real = sorted(
            self._real.links.values(),
            key=lambda link: (link.kind != "vrf", _lacks_carrier(link), link.ifindex),
        )
        wanted = {link.name for link in real}
        for link in fresh.links.values():
            if not link.loopback and link.name in wanted:  # tunl0, which each namespace has
                self._need(link.name, set_apart(0, link.ifindex, f"lw.{link.ifindex}"))
        for link in real:
            if link.loopback:
                here = next(one.ifindex for one in fresh.links.values() if one.loopback)
                self.indexes[link.ifindex] = here
            else:
                self._make_link(link)
        made = read_state(self._route, ()).names()
        for link in real:
            if link.name not in made:
                raise CopyError(f"no interface {link.name}")
            self.indexes[link.ifindex] = made[link.name]
            self._need(link.name, configure_link(0, link, made[link.name]))

    def _make_link(self, link: CopiedLink) -> None:
        """With the same index, if that is free."""
        kind = "vrf" if link.kind == "vrf" else "veth" if _lacks_carrier(link) else "bridge"
        for ifindex in (link.ifindex, 0):
            [code] = self.do([create_link(0, link, kind, ifindex)])
            if code == 0:
                return
            if code not in (errno.EBUSY, errno.EEXIST):
                break
        raise CopyError(f"no interface like {link.name} can be made: {os.strerror(code)}")

    def _join_vrfs(self) -> None:
        for link in self._real.links.values():
            if link.vrf:
                master = self.indexes.get(link.vrf, 0)
                self._need(link.name, enslave(0, self.indexes[link.ifindex], master))

    def _fill(self) -> None:
        """Addresses and routes, in an order in which the kernel takes them."""
        links = self._real.links.values()
        rows = self._real.rows("addresses", self.indexes)
        v4 = [row for row in rows if row.family == AF_INET]
        v6 = [row for row in rows if row.family == AF_INET6]
        self._each([set_up(0, peer, up=True) for peer in self._peers()])
        self._set_up(links, up=True)
        there = {row.key: row for row in read_rows(self._route, "addresses")}
        wanted = {row.key for row in (*v4[:1], *v6)}  # 127.0.0.1 comes first, if it is there
        for key in there.keys() - wanted:
            self._each([there.pop(key).deleted(0)])
        self._each([row.added(0, NLM_F_EXCL) for row in v4 if row.key not in there])
        self._set_up((link for link in links if not link.up), up=False)
        self._each([row.added(0, NLM_F_EXCL) for row in self._as_added(v6) if row.key not in there])
        self._await_local_routes(v6)
        for group in (False, True):
            nexthops = self._real.rows("nexthops", self.indexes)
            self._each([row.added(0, NLM_F_EXCL) for row in nexthops if is_group(row) is group])
        self._equalise("rules")
        self._equalise("routes")
        self._reorder_routes()
        self._each([set_up(0, peer, up=False) for peer in self._peers()])

    def _peers(self) -> list[int]:
        """The other ends of the links that have lost their carrier."""
        made = read_state(self._route, ()).names()
        return [made[peer_name(one.ifindex)] for one in self._real.links.values() if _lacks_carrier(one)]

    def _as_added(self, v6: Sequence[Row]) -> list[Row]:
        """IPv6 addresses in the order in which they were added.

        The kernel lists an interface's newest first. If two interfaces have the same one, the route of the
        older counts; their ages are in 1/100 s only.
        """
        ranks: dict[tuple[bytes, int], int] = {}
        local = (row for row in self._real.rows("routes", self.indexes) if row.is_local_v6)
        for rivals in _rivals(local).values():
            ranks.update((row.host, rank) for rank, row in enumerate(rivals))
        newest_first: dict[object, list[Row]] = {}
        for row in v6:
            newest_first.setdefault(row.place, []).append(row)
        added, copies = [], Counter[bytes]()
        while newest_first:
            oldest = sorted((rows[-1] for rows in newest_first.values()), key=lambda row: row.created)
            in_turn = (row for row in oldest if ranks.get(row.host, 0) <= copies[row.host[0]])
            row = next(in_turn, oldest[0])
            added.append(row)
            copies[row.host[0]] += 1
            newest_first[row.place].pop()
            if not newest_first[row.place]:
                del newest_first[row.place]
        return added

    def _set_up(self, links: Iterable[CopiedLink], *, up: bool) -> None:
        self._each([set_up(0, self.indexes[link.ifindex], up=up) for link in links])

    def _each(self, requests: Sequence[bytes]) -> bool:
        """Returns whether any was done. What the kernel refuses is missing then, which is noticed."""
        return 0 in self.do([numbered(request, number) for number, request in enumerate(requests)])

    def _await_local_routes(self, v6: Iterable[Row]) -> None:
        """Also those that this host lacks, of an address that is tentative here: they go afterwards."""
        up = {self.indexes[link.ifindex] for link in self._real.links.values() if link.up}
        wanted = {row.host for row in v6 if row.place[1] in up}
        deadline = time.monotonic() + _SETTLED_WITHIN
        while time.monotonic() < deadline:
            if wanted <= {row.host for row in read_rows(self._route, "routes") if row.is_local_v6}:
                return
            select.select([], [], [], _TICK)

    def _equalise(self, table: str) -> None:
        """Deletes what is too much, and adds what is missing, as long as that helps."""
        wanted = self._real.rows(table, self.indexes)
        for _ in range(_PASSES):
            there = read_rows(self._route, table)
            extra, missing = _difference(there, wanted), _difference(wanted, there)
            if not extra and not missing:
                return
            done = self._each([row.deleted(0) for row in extra])
            added = self._each(list(map(_added, missing)))
            if not (done or added):
                return

    def _reorder_routes(self) -> None:
        wanted = self._real.rows("routes", self.indexes)
        for right, there in _in_another_order(wanted, read_rows(self._route, "routes")):
            if right[0].is_local_v6:
                continue  # no user can add one with the kernel's priority
            self._each([row.deleted(0) for row in there])
            self._each([_added(row) for row in right])


def _rivals(rows: Iterable[Row]) -> dict[tuple[bytes, ...], list[Row]]:
    """The routes of which the first one counts, together and in order."""
    groups: dict[tuple[bytes, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(row.rivals, []).append(row)
    return groups


def _in_another_order(wanted: Iterable[Row], found: Iterable[Row]) -> list[tuple[list[Row], list[Row]]]:
    """The rivals that should be there, and those that are, where their order differs."""
    there = _rivals(found)
    return [
        (rows, there.get(key, []))
        for key, rows in _rivals(wanted).items()
        if len(rows) > 1 and [row.key for row in rows] != [row.key for row in there.get(key, [])]
    ]


def _lacks_carrier(link: CopiedLink) -> bool:
    return link.up and not link.carrier and link.kind != "vrf"


def _added(row: Row) -> bytes:
    """The request that adds a route or a rule behind those that are equal to it in rank."""
    is_v4_route = row.kind == RTM_NEWROUTE and row.family == AF_INET
    return row.added(0, NLM_F_APPEND if is_v4_route else 0)


def _difference(some: Iterable[Row], others: Iterable[Row]) -> list[Row]:
    """The rows that are not among the others, each as often as it is too much, in order."""
    left = Counter(row.key for row in others)
    found = []
    for row in some:
        left[row.key] -= 1
        if left[row.key] < 0:
            found.append(row)
    return found


def differences(real: State, copy: State, indexes: dict[int, int]) -> str:
    """The first thing in which a copy differs; "" if it differs in nothing that matters."""
    there = {link.name: link for link in copy.links.values()}
    for link in real.links.values():
        if link.behaviour != there[link.name].behaviour:
            return f"the interface {link.name}"
        if indexes.get(link.vrf, 0) != there[link.name].vrf:
            return f"the VRF of {link.name}"
    for table in TABLES:
        wanted, found = real.rows(table, indexes), copy.rows(table, {})
        if table in ("routes", "nexthops"):
            odd = _difference(wanted, found) or _difference(found, wanted)
            if not odd and table == "routes":
                odd = [rows[0] for rows, _ in _in_another_order(wanted, found)]
        else:
            odd = [a or b for a, b in zip_longest(_ordered(wanted), _ordered(found)) if not _same(a, b)]
        if odd:
            return f"{_ONE_OF[table]} {described(odd[0], copy)}"
    return ""


_ONE_OF = {"addresses": "the address", "routes": "the route", "rules": "a policy", "nexthops": "a nexthop"}


def _ordered(rows: Iterable[Row]) -> list[Row]:
    """By interface: the kernel lists interfaces in another order if their indexes differ."""
    return sorted(rows, key=lambda row: row.place)


def _same(one: Row | None, other: Row | None) -> bool:
    return one is not None and other is not None and one.key == other.key


def described(row: Row, state: State) -> str:
    """An object in a few words."""
    body = row.body
    if row.kind == RTM_NEWADDR:
        address = parse_address(body, 0, len(body))
        if address is not None:
            where = state.name_of(address.shape.ifindex)
            return f"{format_address(address.local)}/{address.shape.prefixlen} on {where}"
    route = parse_route(body, 0, len(body)) if row.kind == RTM_NEWROUTE else None
    if route is not None:
        return f"{route.prefix} in table {route.shape.table}"
    return "rule" if row.kind == RTM_NEWRULE else "object"
