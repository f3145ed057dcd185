"""What may happen to a host, and what of it the kernel and DNS tell: for random histories."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from hypothesis import strategies as st

from lowatch.core.addresses import Address, format_address, parse_address
from lowatch.core.answers import Answer, View
from lowatch.core.arp import Arp, ArpSettings, Nic
from lowatch.core.held import Held
from lowatch.core.known import Known, Unknown
from lowatch.core.listeners import Endpoint
from lowatch.core.policy import Policy
from lowatch.core.views import addresses_of
from tests.unit.app.scripted import (
    Watch,
    World,
    at,
    holds,
    listens,
    offers,
    policy_of,
    resolves,
    seen_as,
    serves,
)

VIPS = [parse_address(text) for text in ("192.0.2.10", "192.0.2.11", "198.51.100.1", "2001:db8::10")]
LOOPBACK = parse_address("127.0.0.53")
ADDRESSES = [*VIPS, LOOPBACK, parse_address("::ffff:192.0.2.10")]
PORTS = ["80", "443", "53/udp"]
HOLDINGS = [
    *(holds(f"{format_address(vip)}/{len(vip) * 8}") for vip in VIPS),
    holds("192.0.2.1/24"),
    holds("192.0.2.10/24"),
    holds("192.0.2.10/32", "route"),
    holds("198.51.0.0/16", "route"),
    holds("2001:db8::1/64"),
]
ARP = [
    Known(Arp(ArpSettings(1, 0), (Nic("eth0", ArpSettings(0, 0)),))),
    Known(Arp(ArpSettings(1, 2), (Nic("eth0", ArpSettings(0, 0)),))),
    Unknown("sysctl", "net.ipv4.conf.all: Permission denied"),
]
SERVICE = "_xmpp-client._tcp.example.com"
NAMES = [*(f"www{n}.example.com" for n in range(5)), SERVICE]
DOMAINS = {
    NAMES[0]: serves("80 443", NAMES[0], any_of=True),
    NAMES[1]: serves("80 443", NAMES[1], any_of=False),
    NAMES[2]: serves("443 53/udp", NAMES[2], any_of=True),
    NAMES[3]: serves("80", NAMES[3]),
    NAMES[4]: serves("53/udp 80", NAMES[4]),
    SERVICE: serves("", SERVICE),
}


class Change(NamedTuple):
    """apply: to the world. mark: what the kernel's events, and DNS, would have marked."""

    apply: Callable[[Watch], None]
    mark: Callable[[Watch], None]
    note: str

    def __repr__(self) -> str:
        return self.note


def marks_all(watch: Watch) -> None:
    watch.host.hear()
    watch.auditor.mark_prefix(None)


def marks_nothing(watch: Watch) -> None:
    pass


def toggles(where: str, value: Any) -> Callable[[Watch], None]:
    def apply(watch: Watch) -> None:
        getattr(watch.world, where).symmetric_difference_update({value})

    return apply


def sets(where: str, value: Any) -> Callable[[Watch], None]:
    return lambda watch: setattr(watch.world, where, value)


def holding(held: Held) -> Change:
    """NEWADDR tells a prefix; DELADDR may have taken anything along."""

    def mark(watch: Watch) -> None:
        watch.host.hear()
        watch.auditor.mark_prefix(held.prefix if held in watch.world.held else None)

    return Change(toggles("held", held), mark, f"holds {held.by} {held.address.hex()}/{held.prefixlen}")


def routing(address: Address) -> Change:
    """A policy rule, which tells no address."""
    return Change(toggles("routed_away", address), marks_all, f"routed away {address.hex()}")


def serving(endpoint: Endpoint, full: bool) -> Change:
    """A listener that goes is told of; one that comes is seen by polling, or by the names it serves."""

    def apply(watch: Watch) -> None:
        if endpoint in watch.world.serving:
            del watch.world.serving[endpoint]
        else:
            watch.world.serving[endpoint] = listens(endpoint, full=full)

    def mark(watch: Watch) -> None:
        if endpoint in watch.world.serving:
            marks_names_at(endpoint.address)(watch)
        else:
            watch.auditor.mark_socket(endpoint.address, endpoint.port.number)

    return Change(apply, mark, f"serving {endpoint.address.hex()} {endpoint.port} {'full' * full}")


def marks_names_at(address: Address) -> Callable[[Watch], None]:
    def mark(watch: Watch) -> None:
        for name, answer in watch.world.answers.items():
            if address in addresses_of(answer):
                watch.auditor.mark_domain(name)

    return mark


def answering(answer: Answer) -> Change:
    def apply(watch: Watch) -> None:
        watch.world.answers[answer.domain] = answer

    return Change(apply, lambda watch: watch.auditor.mark_domain(answer.domain), f"answers {answer}")


def failing(where: str, value: Any, address: Address) -> Change:
    return Change(toggles(where, value), marks_names_at(address), f"{where} {value!r}")


def reloading(names: list[str]) -> Change:
    def apply(watch: Watch) -> None:
        watch.replace_policy(policy(names))

    return Change(apply, marks_nothing, f"reload {names}")


def policy(names: list[str]) -> Policy:
    return policy_of(*(DOMAINS[name] for name in names), expect=(VIPS[0],))


# One endpoint more often than all the others together: changes that undo each other are the hard ones.
endpoints = st.one_of(
    st.just(at(VIPS[0])), st.builds(at, st.sampled_from(ADDRESSES), st.sampled_from(PORTS))
)
several = st.lists(st.sampled_from(ADDRESSES), max_size=3, unique=True)
failures = st.sampled_from([{}, {}, {}, {"a": "timed out"}, {"aaaa": "SERVFAIL"}])
hosts = st.builds(
    lambda name, addresses, failed: resolves(name, *addresses, **failed),
    st.sampled_from(NAMES[:-1]),
    several,
    failures,
)
services = st.builds(
    lambda records, failed: offers(SERVICE, *records, **failed),
    st.lists(st.tuples(st.just("im.example.com"), st.sampled_from(PORTS), st.sampled_from(ADDRESSES))),
    failures,
)
beside_hosts = st.builds(
    lambda answer, said, also: seen_as(answer, (View.DNS, said), (View.GETADDRINFO, also), view=View.HOSTS),
    hosts,
    several | st.just("timed out"),
    several,
)
beside_dns = st.builds(
    lambda answer, said: seen_as(answer, (View.GETADDRINFO, said)), hosts, several | st.just("timed out")
)
changes = st.one_of(
    st.builds(holding, st.sampled_from(HOLDINGS)),
    st.builds(holding, st.sampled_from(HOLDINGS)),
    st.builds(serving, endpoints, st.booleans()),
    st.builds(serving, endpoints, st.booleans()),
    st.builds(answering, hosts),
    st.builds(answering, st.one_of(services, beside_hosts, beside_dns)),
    st.builds(routing, st.sampled_from(ADDRESSES)),
    st.sampled_from(ADDRESSES).map(lambda one: failing("no_route", one, one)),
    endpoints.map(lambda one: failing("no_socket", one, one.address)),
    st.builds(lambda up: Change(sets("lo_up", up), marks_all, f"lo up: {up}"), st.booleans()),
    st.builds(lambda blind: Change(sets("blind", blind), marks_all, f"blind: {blind}"), st.booleans()),
    st.lists(st.sampled_from(NAMES), unique=True).map(reloading),
)
# Not told by any event: what a connect() meets (which is believed for a minute), and a sysctl.
connects = st.one_of(
    st.sampled_from(ARP).map(lambda one: Change(sets("arp", one), marks_nothing, f"ARP {one}")),
    endpoints.map(lambda one: Change(toggles("redirected", one), marks_nothing, f"redirected {one}")),
    endpoints.map(lambda one: Change(toggles("no_connect", one), marks_nothing, f"no connect {one}")),
)


def beginning() -> World:
    """Something to begin with: two names, one of which is served."""
    return World(
        held={HOLDINGS[0], HOLDINGS[1]},
        answers={NAMES[0]: resolves(NAMES[0], VIPS[0]), NAMES[3]: resolves(NAMES[3], *VIPS[:2])},
        serving={at(VIPS[0]): listens(at(VIPS[0]))},
        stub=frozenset({LOOPBACK}),
    )
