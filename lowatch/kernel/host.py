"""The host as the kernel reports it: held addresses, local delivery, and listeners."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from lowatch.core.addresses import Address, Port, Prefix, PrefixSet, destination
from lowatch.core.arp import NO_ARP, Arp, Nic
from lowatch.core.held import Delivery, FlowRoute, Held, Link, LocalRoute, Twins
from lowatch.core.known import Known, Unknown
from lowatch.core.listeners import Endpoint, Listener, Sockets
from lowatch.core.liveness import Heartbeat
from lowatch.core.policy import Policy
from lowatch.core.programs import TraceState
from lowatch.core.sources import Source
from lowatch.core.surroundings import Surroundings
from lowatch.wire.links import dump_links
from lowatch.wire.netlink import MalformedMessageError, Span, only_message
from lowatch.wire.nexthop import (
    RTM_DELNEXTHOP,
    RTM_NEWNEXTHOP,
    get_nexthop,
    parse_nexthop,
)
from lowatch.wire.rtnetlink import (
    AF_INET,
    AF_INET6,
    RTM_DELADDR,
    RTM_DELLINK,
    RTM_DELROUTE,
    RTM_DELRULE,
    RTM_NEWADDR,
    RTM_NEWLINK,
    RTM_NEWROUTE,
    RTM_NEWRULE,
    dump_addresses,
    dump_local_routes,
)

from .cgroups import CgroupUnits
from .flow_routes import FlowRoutes
from .host_tables import HostTables
from .input_devices import InputDevices
from .listeners import Listeners
from .nonlocal_routes import NonlocalRoutes
from .own_clients import OwnClients
from .protocol_names import read_protocol_names
from .request_socket import NETLINK_ROUTE, NETLINK_SOCK_DIAG, NetlinkError, RequestSocket, batches
from .routing import Locality
from .sources import Sources
from .sysctl import ConfAll

if TYPE_CHECKING:
    from .host_events import Hints, HostEvents

DUMPS = {
    "links": (dump_links(0),),
    "addresses": (dump_addresses(0),),
    "routes": (dump_local_routes(0, AF_INET), dump_local_routes(0, AF_INET6)),
}
_TABLES = tuple(DUMPS)
_GROUP_NAMES = {
    RTM_NEWLINK: "link",
    RTM_DELLINK: "link",
    RTM_NEWADDR: "address",
    RTM_DELADDR: "address",
    RTM_NEWROUTE: "route",
    RTM_DELROUTE: "route",
    RTM_NEWRULE: "rule",
    RTM_DELRULE: "rule",
    RTM_NEWNEXTHOP: "nexthop",
    RTM_DELNEXTHOP: "nexthop",
}
"""By message type: how Hints.event() calls it."""


class Host:
    """Implements app.ports.Host. All methods answer at once; nothing here awaits."""

    def __init__(self, policy: Policy) -> None:
        """policy: selects the watched interfaces."""
        read_protocol_names()  # now, because a file must not be read while the loop runs
        self._policy = policy
        self._route = RequestSocket(NETLINK_ROUTE)
        self._diag = RequestSocket(NETLINK_SOCK_DIAG)
        self._tables = HostTables(policy)
        self._stale = set(_TABLES)
        self._dumped: dict[str, list[bytes]] = {}
        self._lost = False
        self._interrupted: set[str] = set()
        self._never_whole = set(_TABLES)
        self._failure: Unknown | None = None
        self._local: PrefixSet | None = None
        self._nics: tuple[Nic, ...] | None = None
        self._odd_tables: bool | None = None
        self._conf_all = ConfAll()
        self.generation = 0
        self._hints: Hints | None = None
        self._events: HostEvents | None = None
        self._input_devices = InputDevices()
        self._locality = Locality(self._route, self._tables, self._input_devices)
        self._flow_routes = FlowRoutes(self._route, self._locality, self._input_devices)
        self._units = CgroupUnits()
        self._listeners = Listeners(self._diag, self._units, self._input_devices)
        self._nonlocal_routes = NonlocalRoutes()
        self._sources = Sources(self._route)

    def follow(
        self,
        ports: Iterable[Port],
        hints: Hints,
        receive_buffer: int = 4 << 20,
        own: OwnClients | None = None,
        trace: int | None = None,
    ) -> None:
        """Subscribe to the kernel's events, before the first refresh(). Raises NetlinkError.

        own: the clients that are lowatch's own; none by default.
        trace: the descriptor of a trace_pipe (socket_trace.py), which stays open; None if there is none.
        """
        from .host_events import HostEvents, traced_by  # noqa: PLC0415  # `check` follows nothing

        self._hints = hints
        traced = None if trace is None else traced_by(trace, hints, self._units)
        self._events = HostEvents(self, ports, hints, own or OwnClients(), traced)
        self._events.open(receive_buffer)

    def follow_ports(self, ports: Iterable[Port]) -> None:
        """Receive events for closed sockets on these ports from now on."""
        if self._events is not None:
            self._events.follow_ports(ports)

    def follow_clients(self, addresses: Collection[Address], ports: Iterable[Port]) -> None:
        """Report failed local clients of these addresses from now on; of UDP all clients of these ports."""
        if self._events is not None:
            self._events.clients.follow(addresses, ports)

    def follow_starts(self) -> bool:
        """Report units that start from now on. Returns whether they are noticed."""
        return self._events is not None and self._events.follow_starts()

    @property
    def trace(self) -> TraceState | None:
        """The state of the trace; None if there is none."""
        return self._events.trace.state if self._events and self._events.trace else None

    def heartbeats(self) -> list[Heartbeat]:
        """The heartbeats of the readers of kernel events; none before follow()."""
        return [] if self._events is None else self._events.heartbeats()

    def close(self) -> None:
        if self._events is not None:
            self._events.close()
            self._events = None
        self._route.close()
        self._diag.close()
        self._nonlocal_routes.close()
        self._conf_all.close()

    def invalidate(self) -> None:
        """Dump everything again at the next refresh()."""
        self._stale = set(_TABLES)
        self._flow_routes.forget()

    def refresh(self) -> None:
        """Update tables that may be outdated. A failure shows in held(), links()..."""
        if not self._stale:
            return
        if self._lost and self._hints is not None:
            self._hints.resync()
        self._lost = False
        failure = None
        for table in _TABLES:
            if table in self._stale:
                try:
                    self._dump(table)
                except (NetlinkError, MalformedMessageError) as error:
                    failure = Unknown("netlink", f"cannot list {table}: {error}")
                else:
                    if table not in self._interrupted:
                        self._stale.discard(table)
        if failure != self._failure:
            self._failure = failure
            self._changed()

    def _dump(self, table: str) -> None:
        """Fill a table from a dump, unless the same dump filled it and no event has changed it since."""
        dumps = [datagram for request in DUMPS[table] for datagram in self._route.dump(request)]
        interrupted = any(datagram.interrupted for datagram in dumps)
        (self._interrupted.add if interrupted else self._interrupted.discard)(table)
        if not interrupted and table in self._never_whole:
            self._never_whole.discard(table)
            self._changed()
        data = [datagram.data for datagram in dumps]
        if data != self._dumped.get(table) and self._tables.refill(table, dumps, keep=interrupted):
            self._changed()
        self._dumped[table] = [] if interrupted else data
        if table == "routes":
            self._ask_nexthops()

    def _ask_nexthops(self) -> None:
        """Read the interfaces of the nexthop objects in local routes. Raises NetlinkError."""
        numbers = sorted(self._tables.nexthop_ids())
        replies = self._route.ask(batches([get_nexthop(i, n) for i, n in enumerate(numbers)]))
        found = [only_message(reply) for reply in replies]
        nexthops = {
            number: parse_nexthop(reply, span.start, span.end).ifindex
            for number, reply, span in zip(numbers, replies, found, strict=True)
            if span.type == RTM_NEWNEXTHOP  # an error: the object is gone, and an event reports that
        }
        if self._tables.replace_nexthops(nexthops):
            self._locality.forget()
            self._changed()

    @property
    def unsettled(self) -> bool:
        """Whether a table was changing while it was dumped: refresh() soon, rows may be missing."""
        return bool(self._interrupted)

    @property
    def flow_routes_may_differ(self) -> bool:
        """Whether more than the address may decide: policy rules, or a client's source."""
        if self._odd_tables is None:
            self._odd_tables = self._tables.flow_routes_may_differ()
        return self._odd_tables or self._flow_routes.selective()

    def _changed(self) -> None:
        self._local = self._nics = self._odd_tables = None
        self.generation += 1

    def replace_watches(self, policy: Policy) -> None:
        """Watch another policy's interfaces from now on."""
        self._policy = policy
        self._tables.replace_watches(policy)
        self._changed()

    def deliveries(self, addresses: Sequence[Address]) -> list[Delivery | Unknown]:
        """Where routing delivers each address, in order."""
        return self._locality.ask(addresses)

    def endpoint_deliveries(self, endpoints: Sequence[Endpoint]) -> list[Delivery | Unknown]:
        """Where routing delivers each endpoint's own packets: policy rules may look at its port."""
        return self._locality.ask_endpoints(endpoints)

    def flow_routes(self, endpoints: Sequence[Endpoint]) -> list[FlowRoute | Unknown]:
        """How a local client's packets to each endpoint are routed, in order."""
        return self._flow_routes.ask(endpoints)

    def listeners(self, endpoints: Sequence[Endpoint]) -> list[Listener | Unknown | None]:
        """Which socket serves each endpoint, in order; None where none does."""
        if not self.flow_routes_may_differ:
            self._input_devices.forget_flows()
        return self._listeners.ask(endpoints)

    def full_beside(self, listener: Listener, number: int) -> Listener | Unknown | None:
        """The member of a TCP listener's REUSEPORT group that has a full accept queue; None if none has."""
        return self._listeners.full_beside(listener, number)

    def sources(self, destinations: Sequence[Address]) -> list[Source | Unknown | None]:
        """The source that the kernel chooses for packets to each IPv6 address, in order."""
        return self._sources.ask(destinations)

    def global_ipv6(self, interface: str) -> list[Held]:
        """The IPv6 addresses of any interface, watched or not, whose scope is global."""
        return self._tables.global_ipv6(interface)

    def sockets(self) -> Known[Sockets] | Unknown:
        """Where TCP and UDP sockets are bound, connected ones too."""
        return self._listeners.sockets()

    def links(self) -> Known[tuple[Link, ...]] | Unknown:
        """The watched interfaces that exist."""
        return self._not_listed() or Known(self._tables.watched_links())

    def interface(self, ifindex: int) -> str | None:
        """The name of any interface, watched or not."""
        link = self._tables.links.get(ifindex)
        return None if link is None else link.name

    def watches(self, ifindex: int) -> bool:
        name = self.interface(ifindex)
        return name is not None and self._policy.watches(name)

    def swallows(self, ifindex: int) -> bool:
        """Whether nothing is behind an interface: packets routed into it never leave this host."""
        link = self._tables.links.get(ifindex)
        return link is not None and link.swallows

    def loopback_up(self) -> bool:
        return all(link.up for link in self._tables.links.values() if link.loopback)

    def held(self) -> Known[tuple[Held, ...]] | Unknown:
        return self._not_listed() or Known(self._tables.held())

    def twins(self) -> Known[tuple[Twins, ...]] | Unknown:
        """The addresses that a watched interface and another one of the same VRF hold."""
        return self._not_listed() or Known(self._tables.twins())

    def every_address(self) -> Known[frozenset[Address]] | Unknown:
        """The addresses of all interfaces, watched or not."""
        return self._not_listed() or Known(self._tables.every_address())

    def _not_listed(self) -> Unknown | None:
        """Why the tables are unknown: a dump failed, or none was complete so far."""
        if self._failure is None and self._never_whole:
            return Unknown("netlink", f"{', '.join(sorted(self._never_whole))} were changing all the time")
        return self._failure

    def arp(self) -> Known[Arp] | Unknown:
        """The ARP settings of the NICs. conf.all is read each time: no event reports its changes."""
        if self._failure is not None:
            return self._failure
        if self._nics is None:
            self._nics = self._tables.nics()
        if not self._nics:
            return Known(NO_ARP)
        every = self._conf_all.read()
        return every if isinstance(every, Unknown) else Known(Arp(every, self._nics))

    def wide_routes(self) -> list[LocalRoute]:
        return self._tables.wide_routes()

    def led_away(self, table: int, *, v4: bool) -> Known[frozenset[Prefix]] | Unknown:
        """The prefixes for which a table has a route that is not local."""
        return self._nonlocal_routes.prefixes(table, v4=v4)

    def surroundings(self) -> Known[Surroundings] | Unknown:
        """The surroundings of the watched addresses, sockets apart: what a fix might remove with them."""
        if self._failure is not None:
            return self._failure
        if self._interrupted:
            return Unknown("netlink", f"{', '.join(sorted(self._interrupted))} kept changing")
        routes = self._nonlocal_routes.all(self._tables.name_of)
        if isinstance(routes, Unknown):
            return routes
        return Known(
            Surroundings(
                tuple(self._tables.links.values()),
                self._tables.elsewhere(),
                (*self._tables.local_routes(), *routes.value),
            )
        )

    def may_be_local(self, address: Address) -> bool:
        """False only if no local route covers the address, so that the kernel need not be asked.

        A dump that was interrupted to the last attempt may lack a route, so then it is always True.
        """
        local = self.local_prefixes()
        return local is None or local.covers(address) or local.covers(destination(address))

    def local_prefixes(self) -> PrefixSet | None:
        """The prefixes of all local routes, None if unknown. The same object until they change."""
        if self._failure is not None or self._interrupted:
            return None
        if self._local is None:
            self._local = self._tables.local_prefixes()
        return self._local

    def on_message(self, data: bytes, span: Span) -> None:
        """Update the tables by a route event: the Host is the listener of that socket."""
        assert self._hints is not None
        if span.type not in _GROUP_NAMES:
            return
        self._hints.event(_GROUP_NAMES[span.type])
        touched = self._tables.apply(data, span)
        if touched == ():
            return
        self._dumped.clear()
        self._changed()
        if span.type in (RTM_NEWRULE, RTM_DELRULE):
            self._flow_routes.forget()
        if self._tables.take_suspicion():
            self._stale.add("routes")
        for prefix in (None,) if touched is None else touched:
            self._hints.prefix_touched(prefix)

    def on_lost(self, reason: str) -> None:
        """Route events were missed."""
        assert self._hints is not None
        self.invalidate()
        self._lost = True
        self._hints.overrun()
        self._hints.prefix_touched(None)
