"""Which VIPs are asked about as sources, and when again."""

from __future__ import annotations

from collections.abc import Sequence

from lowatch.app.host_observation import Holders
from lowatch.app.source_observation import SourceObserver
from lowatch.core.addresses import Address, parse_address
from lowatch.core.held import Held
from lowatch.core.known import Known, Unknown
from lowatch.core.sources import NO_CHOICES, Source, SourceChoice
from tests.unit.core.worlds import DEAF, VIP, VIP6, held

OWN, ULA = parse_address("2001:db8::5"), parse_address("fd00::5")
ON_LO = Holders(Known((held(VIP6), held(VIP), held(OWN))))
LO, ETH0 = 1, 2


class ScriptedSources:
    """A host whose kernel chooses one source for all, and a resolver that knows who leads to the VIP."""

    def __init__(self, *own: Held, names: Sequence[str] = ("www.example.com",)) -> None:
        self.generation = 1
        self.answer: Source | Unknown | None = Source(VIP6, ETH0)
        self.asked = 0
        self._own = own
        self._names = names

    def sources(self, destinations: Sequence[Address]) -> list[Source | Unknown | None]:
        self.asked += 1
        return [self.answer] * len(destinations)

    def interface(self, ifindex: int) -> str | None:
        return {LO: "lo", ETH0: "eth0"}[ifindex]

    def swallows(self, ifindex: int) -> bool:
        return ifindex == LO

    def global_ipv6(self, interface: str) -> list[Held]:
        return [one for one in self._own if one.interface == interface]

    def at(self, _: Address) -> Sequence[str]:
        return self._names


def observer(host: ScriptedSources) -> SourceObserver:
    return SourceObserver(host, host, "web-17")  # type: ignore[arg-type]


def choices(host: ScriptedSources, holders: Holders = ON_LO) -> list[SourceChoice]:
    found = observer(host).observe(holders, [VIP6, VIP], [])
    assert isinstance(found, Known)
    return list(found.value)


def test_what_is_sent_into_a_black_hole_needs_no_source() -> None:
    host = ScriptedSources(held(OWN, 64, "eth0"))
    host.answer = Source(VIP6, LO)
    assert choices(host) == []


def test_a_vip_is_chosen_where_the_hosts_own_address_could_be() -> None:
    (choice,) = choices(ScriptedSources(held(OWN, 64, "eth0")))
    near = parse_address("2001:db8::11")
    assert choice == SourceChoice(held(VIP6), near, "eth0", OWN)
    (choice,) = choices(ScriptedSources(held(OWN)))
    assert choice.instead == OWN


def test_nothing_else_could_be() -> None:
    for other in (
        held(ULA, 64, "eth0"),
        held(OWN, 64, "eth1"),
        held(VIP6, 64, "eth0"),
        held(OWN, 64, "eth0", flags=("deprecated",)),
    ):
        assert choices(ScriptedSources(other)) == []


def test_what_is_no_vip_is_not_asked_about() -> None:
    host = ScriptedSources(held(OWN, 64, "eth0"))
    assert observer(host).observe(ON_LO, [VIP], []) == NO_CHOICES
    assert choices(host, Holders(Known((held(VIP6, special=("lifetime",)),)))) == []
    assert choices(host, Holders(Known((held("::1"),)))) == []
    assert host.asked == 0
    own = ScriptedSources(held(OWN, 64, "eth0"), names=["web-17.example.com"])
    assert choices(own) == []
    expected = observer(own).observe(ON_LO, [VIP6], [VIP6])
    assert isinstance(expected, Known)
    assert len(expected.value) == 1


def test_another_source_or_none_is_no_choice() -> None:
    for answer in None, Source(OWN, ETH0):
        host = ScriptedSources(held(OWN, 64, "eth0"))
        host.answer = answer
        assert choices(host) == []


def test_unknown_stays_unknown() -> None:
    host = ScriptedSources(held(OWN, 64, "eth0"))
    host.answer = DEAF
    assert observer(host).observe(ON_LO, [VIP6], []) == DEAF
    assert observer(host).observe(Holders(DEAF), [VIP6], []) == DEAF


def test_it_is_asked_again_when_something_has_changed() -> None:
    host = ScriptedSources(held(OWN, 64, "eth0"))
    sources = observer(host)
    for _ in range(3):
        sources.observe(ON_LO, [VIP6], [])
    assert host.asked == 1
    host.generation += 1
    sources.observe(ON_LO, [VIP6], [])
    sources.observe(ON_LO, [VIP6], [OWN])
    sources.invalidate()
    sources.observe(ON_LO, [VIP6], [OWN])
    assert host.asked == 4
