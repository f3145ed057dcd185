"""lowatch.app.marks: each mark becomes the domains that it may concern, once."""

from __future__ import annotations

import pytest

from lowatch.app.marks import Marks
from lowatch.app.remembered_orphans import RememberedOrphans
from lowatch.core.addresses import Address, parse_address, parse_port, parse_prefix
from lowatch.core.findings import FindingKind, Subject
from tests.unit.app.scripted import ScriptedHost, ScriptedResolver, World, resolves

WWW, API, DNS, AWAY = "www.example.com", "api.example.com", "dns.example.com", "away.example.com"
VIP, OTHER, FAR = parse_address("192.0.2.10"), parse_address("192.0.2.11"), parse_address("198.51.100.1")
ANY = Address(bytes(4))


class _Domains:
    """Implements marks.Domains."""

    def __init__(self) -> None:
        self.observed = {WWW: (VIP, 80), API: (VIP, 8443), DNS: (OTHER, 53)}

    def leading_to(self, address: Address) -> list[str]:
        return [name for name, (led_to, _) in self.observed.items() if led_to == address]

    def expects(self, name: str, numbers: set[int]) -> bool:
        return self.observed[name][1] in numbers


def marks(host: ScriptedHost | None = None, *remembered: Subject) -> Marks:
    """Of a host that has been observed once."""
    world, domains, orphans = World(), _Domains(), RememberedOrphans()
    orphans.remember(remembered)
    addresses = {name: address for name, (address, _) in domains.observed.items()} | {AWAY: FAR}
    world.answers = {name: resolves(name, address) for name, address in addresses.items()}
    resolver = ScriptedResolver(world, addresses)
    made = Marks(host or ScriptedHost(world), resolver, domains, orphans)
    assert made.take() == (set(), True), "nothing was observed before"
    assert not made
    return made


def test_a_domain() -> None:
    made = marks()
    made.names.add(AWAY)
    assert made
    assert made.take() == ({AWAY}, False)
    assert made.take() == (set(), False)


@pytest.mark.parametrize(
    ("prefix", "names"),
    [("192.0.2.10/32", {WWW, API}), ("192.0.2.0/24", {WWW, API, DNS}), ("203.0.113.0/24", set())],
)
def test_a_prefix_concerns_the_domains_that_resolve_into_it(prefix: str, names: set[str]) -> None:
    made = marks()
    made.prefix(parse_prefix(prefix))
    assert made
    assert made.take() == (names, False)


def test_any_prefix_concerns_all() -> None:
    made = marks()
    made.prefix(None)
    assert made.take() == (set(), True)


def test_a_prefix_concerns_all_if_rules_match_ports() -> None:
    host = ScriptedHost(World())
    made = marks(host)
    host.flow_routes_may_differ = True
    made.prefix(parse_prefix("192.0.2.10/32"))
    assert made.take()[1]


@pytest.mark.parametrize(
    ("address", "number", "names"),
    [
        (VIP, 80, {WWW}),
        (VIP, 53, set()),
        (FAR, 80, set()),
        (ANY, 53, {DNS}),
        (ANY, 22, set()),
    ],
)
def test_a_socket_concerns_the_domains_that_expect_its_port(
    address: Address, number: int, names: set[str]
) -> None:
    made = marks()
    made.socket(address, number)
    assert made
    assert made.take() == (names, False)


def test_a_prefix_concerns_what_the_last_run_remembered_too() -> None:
    old = "old.example.com"
    made = marks(None, Subject(FindingKind.ORPHAN_VIP, "lo", VIP, old, parse_port("80")))
    made.prefix(parse_prefix("203.0.113.0/24"))
    assert made.take() == ({old}, False)
