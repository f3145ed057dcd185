"""A scripted world: what the kernel, DNS and a connect() would say, faults included.

Its answers pass through the real kernel.request_cache.RequestCache, so that unchanged answers are the very
same list, as with the kernel.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_interface
from typing import Any

from lowatch.app.auditor import Auditor
from lowatch.app.ports import Resolver
from lowatch.app.static_resolver import StaticResolver
from lowatch.app.victims import Victims
from lowatch.core.addresses import (
    Address,
    Port,
    Prefix,
    PrefixSet,
    destination,
    host_length,
    is_v4,
    parse_port,
    parse_prefix,
)
from lowatch.core.answers import Answer, AnswerListener, AnswerStatus, OtherView, RRset, SrvRecord, View
from lowatch.core.arp import NO_ARP, Arp
from lowatch.core.clock import Now
from lowatch.core.held import NOT_ROUTED, Delivery, FlowRoute, Held, Link, LocalRoute, Twins
from lowatch.core.judgement import Judgement
from lowatch.core.known import Known, Unknown
from lowatch.core.listeners import Connect, ConnectOutcome, Endpoint, LateAnswers, Listener, Sockets
from lowatch.core.policy import Domain, Policy
from lowatch.core.programs import TraceState
from lowatch.core.snapshot import Snapshot
from lowatch.core.sources import Source
from lowatch.core.surroundings import Route, Surroundings
from lowatch.core.views import possible_addresses
from lowatch.kernel.request_cache import RequestCache
from lowatch.kernel.request_socket import RequestSocket
from tests.support.aio import drive
from tests.support.changed_domains import ChangedDomains

LO = 1
OVERRUN = Unknown("netlink", "the receive buffer overran")
REFUSED = Unknown("sock_diag", "Operation not permitted")


@dataclass
class World:
    """What is true now.

    held: on lo. routed_away: addresses that a policy rule routes elsewhere. no_route, no_socket: whom
    the kernel cannot be asked about; blind: whether its tables cannot be listed. no_connect: where a
    connect() fails for want of means. kept: where a name's view led that is not known any more; a failure
    takes nobody out of the resolver's index. arp: how the NICs do ARP, of which no event tells.
    """

    held: set[Held] = field(default_factory=set)
    routed_away: set[Address] = field(default_factory=set)
    serving: dict[Endpoint, Listener] = field(default_factory=dict)
    redirected: set[Endpoint] = field(default_factory=set)
    bound: frozenset[Address] = frozenset()
    answers: dict[str, Answer] = field(default_factory=dict)
    kept: dict[str, tuple[Address, ...]] = field(default_factory=dict)
    lo_up: bool = True
    no_route: set[Address] = field(default_factory=set)
    no_socket: set[Endpoint] = field(default_factory=set)
    no_bound: bool = False
    no_connect: set[Endpoint] = field(default_factory=set)
    blind: bool = False
    arp: Known[Arp] | Unknown = field(default_factory=lambda: Known(NO_ARP))
    stub: frozenset[Address] = frozenset()

    def delivery(self, address: Address) -> Delivery | Unknown:
        if address in self.no_route:
            return OVERRUN
        if address in self.routed_away:
            return NOT_ROUTED
        lengths = [prefix.length for prefix in local_prefixes(self.held) if prefix.covers(address)]
        if lengths:
            return Delivery(True, LO, max(lengths))
        holes = [one.prefixlen for one in self.held if one.by == "address" and one.prefix.covers(address)]
        return Delivery(False, LO, max(holes)) if holes else NOT_ROUTED

    def listener(self, endpoint: Endpoint) -> Listener | Unknown | None:
        return REFUSED if endpoint in self.no_socket else self.serving.get(endpoint)

    def connect(self, endpoint: Endpoint) -> Connect | Unknown:
        if endpoint in self.no_connect:
            return Unknown("connect", "Too many open files")
        there = endpoint in self.redirected or endpoint in self.serving
        return Connect.ACCEPTED if there else Connect.REFUSED


def local_prefixes(held: Iterable[Held]) -> list[Prefix]:
    """The local routes that come with these: an IPv4 prefix is local as a whole, an IPv6 one is not."""
    found = []
    for one in held:
        if one.by == "address":
            found.append(Prefix(one.address, len(one.address) * 8))
        if one.by == "route" or is_v4(one.address):
            found.append(one.prefix)
    return found


class _Spoken(RequestSocket):
    """Carries questions and answers as numbers: equal ones have equal octets."""

    def __init__(self, answer: Callable[[Any], Any]) -> None:
        super().__init__(0)
        self._answer = answer
        self._values: dict[Any, int] = {}

    def build(self, _sequence: int, question: Any) -> bytes:
        return b"%d " % self._number(question)

    def ask(self, requests: Sequence[tuple[bytes, int]]) -> list[bytes]:
        values = list(self._values)
        questions = [values[int(word)] for batch, _ in requests for word in batch.split()]
        return [b"%d" % self._number(self._answer(question)) for question in questions]

    def read(self, _sequence: int, _question: Any, reply: bytes) -> Any:
        return list(self._values)[int(reply)]

    def _number(self, value: Any) -> int:
        return self._values.setdefault(value, len(self._values))


class ScriptedHost:
    """Implements app.ports.Host. Its tables are as old as the last event heard, or the last dump.

    followed: the ports of each follow_ports(). asked: the addresses and endpoints asked about.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self.generation = 0
        self.unsettled = False
        self.followed: list[frozenset[Port]] = []
        self.clients_followed: list[tuple[frozenset[Address], frozenset[Port]]] = []
        self.asked: set[Any] = set()
        self._stale = True
        self._deliveries = self._asked(_Spoken(world.delivery))
        self._listeners = self._asked(_Spoken(world.listener))
        self.hear()

    def _asked(self, spoken: _Spoken) -> Callable[[Sequence[Any]], list[Any]]:
        asked: RequestCache[Any, Any] = RequestCache(spoken, spoken.build, spoken.read, lambda error: error)

        def ask(questions: Sequence[Any]) -> list[Any]:
            self.asked.update(questions)
            return asked.ask(questions)

        return ask

    def deliveries(self, addresses: Sequence[Address]) -> list[Delivery | Unknown]:
        return self._deliveries(addresses)

    def listeners(self, endpoints: Sequence[Endpoint]) -> list[Listener | Unknown | None]:
        return self._listeners(endpoints)

    def hear(self) -> None:
        """What the world's events say of its tables."""
        world = self._world
        tables = (frozenset(world.held), world.lo_up, world.blind)
        if getattr(self, "_tables", None) != tables:
            self._tables = tables
            self._local = PrefixSet(local_prefixes(world.held))
            self.generation += 1

    def refresh(self) -> None:
        if self._stale:
            self._stale = False
            self.hear()

    def invalidate(self) -> None:
        self._stale = True

    def links(self) -> Known[tuple[Link, ...]] | Unknown:
        _, lo_up, blind = self._tables
        return OVERRUN if blind else Known((Link(LO, "lo", lo_up, loopback=True),))

    def held(self) -> Known[tuple[Held, ...]] | Unknown:
        held, _, blind = self._tables
        return OVERRUN if blind else Known(tuple(sorted(held, key=repr)))

    def sources(self, destinations: Sequence[Address]) -> list[Source | Unknown | None]:
        return [None] * len(destinations)

    def global_ipv6(self, interface: str) -> list[Held]:
        return []

    def twins(self) -> Known[tuple[Twins, ...]] | Unknown:
        return OVERRUN if self._tables[2] else Known(())

    def arp(self) -> Known[Arp] | Unknown:
        return OVERRUN if self._tables[2] else self._world.arp

    def wide_routes(self) -> list[LocalRoute]:
        prefixes = {prefix for prefix in local_prefixes(self._tables[0]) if not prefix.is_host}
        return [LocalRoute(prefix, "lo", 255) for prefix in sorted(prefixes)]

    def loopback_up(self) -> bool:
        return self._tables[1]

    def interface(self, ifindex: int) -> str | None:
        return "lo" if ifindex == LO else None

    def watches(self, ifindex: int) -> bool:
        return ifindex == LO

    def may_be_local(self, address: Address) -> bool:
        local = self.local_prefixes()
        return local is None or local.covers(address) or local.covers(destination(address))

    def local_prefixes(self) -> PrefixSet | None:
        return None if self._tables[2] else self._local

    def follow_ports(self, ports: Iterable[Port]) -> None:
        self.followed.append(frozenset(ports))

    def follow_clients(self, addresses: Collection[Address], ports: Iterable[Port]) -> None:
        self.clients_followed.append((frozenset(addresses), frozenset(ports)))

    flow_routes_may_differ = False
    trace: TraceState | None = None

    notices_starts = False

    def follow_starts(self) -> bool:
        return self.notices_starts

    def endpoint_deliveries(self, endpoints: Sequence[Endpoint]) -> list[Delivery | Unknown]:
        raise NotImplementedError("they do not differ")

    def flow_routes(self, endpoints: Sequence[Endpoint]) -> list[FlowRoute | Unknown]:
        raise NotImplementedError("they do not differ")

    def full_beside(self, listener: Listener, number: int) -> Listener | Unknown | None:
        return None

    def sockets(self) -> Known[Sockets] | Unknown:
        return REFUSED if self._world.no_bound else Known(Sockets(self._world.bound))

    def led_away(self, table: int, *, v4: bool) -> Known[frozenset[Prefix]] | Unknown:
        return Known(frozenset())

    def surroundings(self) -> Known[Surroundings] | Unknown:
        links = self.links()
        if isinstance(links, Unknown):
            return OVERRUN
        wide = tuple(Route(route.prefix, "local", ("lo",), route.table) for route in self.wide_routes())
        return Known(Surroundings(links.value, routes=wide))

    def swallows(self, ifindex: int) -> bool:
        return ifindex == LO


class ScriptedResolver:
    """Implements app.ports.Resolver. It follows the names of the last reload, and says nothing by itself.

    looked_up: whose answers were asked for. asked: it is settled once this is set. listener: of run().
    """

    def __init__(self, world: World, names: Iterable[str]) -> None:
        self._world = world
        self._names = set(names)
        self.problems: Sequence[str] = ()
        self.unread: Sequence[str] = ()
        self.looked_up: set[str] = set()
        self.near: set[str] = set()
        self.refused: list[Address] = []
        self.asked = asyncio.Event()
        self.listener: AnswerListener = ChangedDomains()

    def _followed(self) -> dict[str, Answer]:
        return {name: self._world.answers.get(name) or Answer(name) for name in self._names}

    def answer(self, domain: str) -> Answer:
        self.looked_up.add(domain)
        return (domain in self._names and self._world.answers.get(domain)) or Answer(domain)

    def inside(self, prefixes: Collection[Prefix]) -> set[str]:
        return {
            name
            for name, answer in self._followed().items()
            for address in (*possible_addresses(answer), *self._world.kept.get(name, ()))
            if any(prefix.covers(destination(address)) for prefix in prefixes)
        }

    def at(self, address: Address) -> Collection[str]:
        return self.inside([Prefix(destination(address), host_length(destination(address)))])

    @property
    def statuses(self) -> Mapping[AnswerStatus, int]:
        return Counter(answer.status for answer in self._followed().values())

    def unsure(self) -> Mapping[str, OtherView]:
        return StaticResolver(self._followed().values()).unsure()

    def unresolved(self) -> Mapping[str, tuple[str, str]]:
        reasons = {name: answer.unknown_reasons for name, answer in self._followed().items()}
        return {name: why for name, why in reasons.items() if any(why)}

    def over_limit(self) -> Mapping[str, int]:
        return {name: answer.more for name, answer in self._followed().items() if answer.more}

    def not_resolved(self) -> Sequence[str]:
        return [name for name, one in self._followed().items() if one.status is not AnswerStatus.RESOLVED]

    @property
    def srv_ports(self) -> frozenset[Port]:
        followed = self._followed().values()
        return frozenset(record.port for answer in followed for record in answer.srv_records or ())

    @property
    def stub_addresses(self) -> frozenset[Address]:
        return self._world.stub

    async def run(self, listener: AnswerListener) -> None:
        self.listener = listener
        await asyncio.get_running_loop().create_future()

    async def settled(self) -> None:
        await self.asked.wait()

    def follow_held(self, held: Known[tuple[Held, ...]] | Unknown) -> None:
        self.held = held

    def clients_refused(self, address: Address) -> None:
        self.refused.append(address)

    def keep_near(self, domains: Iterable[str]) -> None:
        self.near.update(domains)

    def follow_ipv6(self, *, idle: bool) -> None:
        self.ipv6_idle = idle

    def replace_domains(self, domains: Iterable[str]) -> None:
        self._names = set(domains)


class ScriptedClock:
    def __init__(self) -> None:
        self.monotonic = 1_000.0

    def now(self) -> Now:
        return Now(self.monotonic, 1_700_000_000.0 + self.monotonic, 500.0)


class ScriptedProber:
    """Implements app.ports.Prober. probed: the endpoints of all connects."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.probed: list[Endpoint] = []

    async def connect(self, endpoints: Sequence[Endpoint], late: LateAnswers) -> list[ConnectOutcome]:
        self.probed += endpoints
        await asyncio.sleep(0)
        return [self._world.connect(endpoint) for endpoint in endpoints]


class Watch:
    """An auditor in a scripted world. during: called whenever an audit gives the loop its turn.

    resolver: a ScriptedResolver unless another is given. An audit is over when the connects that it asked
    for have been made, and been judged by.
    """

    def __init__(
        self,
        world: World,
        policy: Policy,
        clock: ScriptedClock | None = None,
        resolver: Resolver | None = None,
    ) -> None:
        self.world, self.policy = world, policy
        self.clock = clock or ScriptedClock()
        self.host = ScriptedHost(world)
        self.resolver = resolver or ScriptedResolver(world, policy.domains)
        self.prober = ScriptedProber(world)
        self.auditor = Auditor(self.host, self.resolver, self.prober, policy, self.clock, "web-17")
        self.during: Callable[[], None] = lambda: None

    @property
    def probed(self) -> list[Endpoint]:
        return self.prober.probed

    def audit(self, tracked: Collection[str] = ()) -> tuple[Snapshot, Judgement]:
        return drive(self._audit(tracked), self.during)

    async def _audit(self, tracked: Collection[str]) -> tuple[Snapshot, Judgement]:
        found = await self.auditor.audit(tracked)
        while self.auditor.awaits_connects:
            await self.auditor.connects.make_all_wanted()
            found = await self.auditor.audit(tracked)
        return found

    def sweep(self, tracked: Collection[str] = ()) -> tuple[Snapshot, Judgement]:
        """As the daemon does every so often."""
        self.host.invalidate()
        self.auditor.mark_all()
        return self.audit(tracked)

    def replace_policy(self, policy: Policy) -> None:
        self.policy = policy
        self.resolver.replace_domains(policy.domains)
        self.auditor.replace_policy(policy)


def policy_of(*domains: Domain, **rest: Any) -> Policy:
    return Policy(domains={domain.name: domain for domain in domains}, **rest)


def serves(port: str, name: str = "www.example.com", *, any_of: bool = False) -> Domain:
    """`serves("80 443")`."""
    return Domain(name, tuple(parse_port(one) for one in port.split()), any_of)


def resolves(name: str, *addresses: Address, **failed: str) -> Answer:
    """`resolves(WWW, VIP, aaaa="SERVFAIL")`: a family that failed has its reason."""
    a = tuple(sorted(one for one in addresses if is_v4(one)))
    aaaa = tuple(sorted(one for one in addresses if not is_v4(one)))
    return Answer(name, _rrset(a, failed.get("a")), _rrset(aaaa, failed.get("aaaa")))


def offers(name: str, *services: tuple[str, str, Address], **failed: str) -> Answer:
    """An SRV name: `offers(XMPP, ("a.example.com", "5222", VIP))`; a family that failed has its reason."""
    by_record: dict[tuple[str, str], list[Address]] = {}
    for target, port, address in services:
        by_record.setdefault((target, port), []).append(address)
    records = tuple(
        SrvRecord(target, parse_port(port), tuple(sorted(addresses)))
        for (target, port), addresses in by_record.items()
    )
    flat = resolves(name, *dict.fromkeys(address for _, _, address in services), **failed)
    return replace(flat, srv_records=records)


def seen_as(answer: Answer, *others: tuple[View, Iterable[Address] | str], view: View = View.DNS) -> Answer:
    """With other views beside the one that decides: `(View.DNS, [VIP])`, or why it is not known."""
    return replace(
        answer,
        view=view,
        others=tuple(
            OtherView(other, None, said) if isinstance(said, str) else OtherView(other, tuple(sorted(said)))
            for other, said in others
        ),
    )


def _rrset(addresses: tuple[Address, ...], failed: str | None) -> RRset:
    if failed is not None:
        return RRset(AnswerStatus.UNKNOWN, addresses, reason=failed)
    return RRset(AnswerStatus.RESOLVED if addresses else AnswerStatus.NODATA, addresses)


def holds(text: str, by: str = "address") -> Held:
    """`holds("192.0.2.10/24")`; by "route": a local route."""
    interface = ip_interface(text)
    length = interface.network.prefixlen
    if by == "route":
        network = parse_prefix(text)
        return Held(network.address, length, "lo", "route", table=255)
    return Held(Address(interface.ip.packed), length, "lo")


def at(address: Address, port: str = "80") -> Endpoint:
    return Endpoint(address, parse_port(port))


def listens(endpoint: Endpoint, *, full: bool = False) -> Listener:
    """Bound to just that; `full`: more wait than its queue may hold."""
    port: Port = endpoint.port
    return Listener(
        endpoint.address, 4711, 33, None, queued=9 if full else 0, backlog=8, protocol=port.protocol
    )


def no_victims() -> Victims:
    """Of a host without addresses."""
    host: Any = None
    return Victims(host, ScriptedClock())
