"""What the host is asked beside names."""

from __future__ import annotations

from collections.abc import Sequence

from lowatch.app.host_observation import Holders, HostObserver, ask_arp, ask_prefixes
from lowatch.core.addresses import parse_address, parse_prefix
from lowatch.core.arp import NO_ARP
from lowatch.core.held import Held
from lowatch.core.known import Known, Unknown
from lowatch.core.policy import Policy
from tests.unit.app.scripted import OVERRUN, ScriptedHost, World, holds

VIP, NEXT, MAPPED = map(parse_address, ("192.0.2.10", "192.0.2.11", "::ffff:192.0.2.10"))


def holders(*held: Held) -> Holders:
    return Holders(Known(held))


def test_an_address_has_a_holder_and_prefixes_that_cover_it() -> None:
    exact, wide = holds("192.0.2.10/32"), holds("192.0.2.1/24")
    found = holders(exact, wide)
    assert found.exact(VIP) == found.exact(MAPPED) == exact
    assert found.covering(VIP) == (wide,)
    assert found.exact(NEXT) is None
    assert holders().covering(VIP) == ()


def test_of_several_holders_always_the_same_one_counts() -> None:
    several: Sequence[Held] = (
        holds("192.0.2.10/32")._replace(interface="lo"),
        holds("192.0.2.10/32")._replace(interface="dummy0"),
        holds("192.0.2.10/24")._replace(interface="dummy0"),
    )
    assert holders(*several).exact(VIP) == holders(*reversed(several)).exact(VIP)
    chosen = holders(*several).exact(VIP)
    assert chosen is not None
    assert (chosen.interface, chosen.prefixlen) == ("dummy0", 32)


def test_the_host_is_asked_again_only_where_something_has_changed() -> None:
    world = World(held={holds("192.0.2.10/32")})
    host = ScriptedHost(world)
    observer = HostObserver(host)
    assert observer.observe(Policy(), everything=False)
    assert observer.holders.exact(VIP) is not None
    assert not observer.observe(Policy(), everything=False)
    assert observer.observe(Policy(), everything=True)
    world.held.clear()
    host.hear()
    assert observer.observe(Policy(), everything=False)
    assert observer.holders.exact(VIP) is None


def test_a_wide_prefix_is_confirmed_by_the_kernel() -> None:
    cause = holds("192.0.2.1/24")
    host = ScriptedHost(World(held={cause}))
    found = ask_prefixes(host, holders(cause))
    assert isinstance(found, Known)
    [prefix] = found.value
    assert (prefix.prefix, prefix.interface, prefix.cause) == (parse_prefix("192.0.2.0/24"), "lo", cause)
    assert ask_prefixes(host, Holders(OVERRUN)) == OVERRUN


def test_sockets_are_listed_only_where_some_address_may_be_idle() -> None:
    world = World(held={holds("192.0.2.10/32")}, no_bound=True)
    host = ScriptedHost(world)
    observer = HostObserver(host)
    observer.observe(Policy(), everything=True)
    assert isinstance(observer.sockets_if_idle({VIP}, host.sockets), Known)
    assert isinstance(observer.sockets_if_idle(set(), host.sockets), Unknown)


def test_arp_is_asked_about_only_for_ipv4_addresses_of_ours() -> None:
    host = ScriptedHost(World(held={holds("192.0.2.10/32")}))
    assert ask_arp(host, holders(holds("127.0.0.1/8"), holds("::1/128"))) == Known(NO_ARP)
    assert ask_arp(host, holders(holds("192.0.2.10/32"))) == host.arp()
    assert ask_arp(host, Holders(OVERRUN)) == OVERRUN
