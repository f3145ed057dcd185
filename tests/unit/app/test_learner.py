"""Which lookups are followed, and when that is put into force and saved."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lowatch.app.config_in_force import ConfigInForce
from lowatch.app.learner import Learner
from lowatch.config.load import load
from lowatch.config.zones.read import ReadZone
from lowatch.core.addresses import Address, parse_address
from lowatch.core.learned_names import LearnedNames
from lowatch.core.name_sources import NameSource
from lowatch.core.own_lookups import OwnLookups
from lowatch.core.policy import Domain, DomainSpec, DomainTable
from lowatch.core.snapshot import RefusedPort
from lowatch.wire.dns import encode_name
from lowatch.wire.lookup import Lookup
from tests.support.inline_threads import InlineThreads
from tests.support.virtual_time import LoopClock
from tests.unit.app.config_users import SYSTEM_FILE, ConfigUser
from tests.unit.app.names_scene import Auditing, Store, played, rendered
from tests.unit.core.worlds import VIP, local, ports, seen, snapshot, view

OTHER, MINE, THEIRS = map(parse_address, ("192.0.2.99", "127.0.0.1", "198.51.100.7"))
SHOP = "shop.example"
DAY = 86_400.0


class Host:
    def may_be_local(self, address: Address) -> bool:
        return address != THEIRS


class Scene:
    def __init__(self) -> None:
        self.user, self.daemon, self.store = ConfigUser(), Auditing(), Store()
        self.own, self.names = OwnLookups(), LearnedNames(DAY)
        start = load(None)
        configured = DomainTable({"www.example": DomainSpec()})
        self.config = ConfigInForce(
            replace(start, policy=replace(start.policy, domains=configured)),
            *(self.user, self.user, self.user, self.user),
            [SYSTEM_FILE],
            learned=[self.names],
        )
        self.learner = Learner(
            self.names,
            self.config,
            self.daemon,
            Host(),
            self.own,
            self.store,
            rendered,
            InlineThreads(),
            LoopClock(),
            "host1.example",
        )

    def see(self, name: str = SHOP, *addresses: Address, client: Address | None = MINE) -> None:
        self.learner.looked_up(Lookup(name, addresses or (VIP,), client), NameSource.DNSTAP)

    @property
    def followed(self) -> set[str]:
        return set(self.user.policies[-1].learned) if self.user.policies else set()


def learning(story: Callable[[Scene], Awaitable[None]]) -> Scene:
    return played(Scene, lambda scene: scene.learner.run(), story)


def test_a_name_is_followed_at_once_and_saved_soon() -> None:
    async def story(scene: Scene) -> None:
        scene.see()
        await asyncio.sleep(0.001)
        assert scene.followed == {SHOP}
        assert scene.user.policies[-1].domains[SHOP].guessed
        assert scene.user.policies[-1].learned == {SHOP: NameSource.DNSTAP}
        await asyncio.sleep(6.0)
        assert [content for _, content in scene.store.saved] == [SHOP.encode()]

    learning(story)


def test_many_names_are_few_changes() -> None:
    async def story(scene: Scene) -> None:
        for number in range(100):
            scene.see(f"n{number}.example")
            await asyncio.sleep(0.01)
        await asyncio.sleep(1.0)

    scene = learning(story)
    assert len(scene.followed) == 100
    assert len(scene.user.policies) <= 12


@pytest.mark.parametrize(
    "name",
    [
        "www.example",
        "shop",
        "localhost",
        "host1.example",
        "10.2.0.192.in-addr.arpa",
        "x.local",
        "a\\032b.example",
    ],
)
def test_names_that_are_not_followed(name: str) -> None:
    async def story(scene: Scene) -> None:
        scene.see(name)
        await asyncio.sleep(2.0)

    assert learning(story).user.policies == []


def test_lookups_of_a_name_whose_ports_are_a_guess_count() -> None:
    """A zone has it, and clients may show what it should serve."""

    async def story(scene: Scene) -> None:
        scene.config.replace_zones((ReadZone(Path("/corp.zone"), names=(SHOP,)),))
        scene.see()
        await asyncio.sleep(2.0)
        assert SHOP in scene.names
        assert scene.user.policies[-1].learned == {SHOP: NameSource.ZONE}

    learning(story)


def test_lookups_of_others_and_elsewhere_are_not_followed() -> None:
    async def story(scene: Scene) -> None:
        scene.see(client=THEIRS)
        scene.see(SHOP, OTHER)
        await asyncio.sleep(2.0)
        assert scene.followed == set()
        scene.see(SHOP, OTHER, VIP, client=None)
        await asyncio.sleep(2.0)
        assert scene.followed == {SHOP}

    learning(story)


def test_what_lowatch_itself_asks_for_keeps_no_name_alive() -> None:
    async def story(scene: Scene) -> None:
        scene.see()
        loop = asyncio.get_running_loop()
        for _ in range(25):
            await asyncio.sleep(3_600.0)
            scene.own.asking([encode_name(SHOP)], loop.time())
            scene.see()
            scene.daemon.audited()
        await asyncio.sleep(2.0)
        assert scene.followed == set()

    learning(story)


def test_one_that_is_looked_up_again_is_kept() -> None:
    async def story(scene: Scene) -> None:
        for _ in range(5):
            scene.see()
            await asyncio.sleep(DAY - 1)
            scene.daemon.audited()
            await asyncio.sleep(2.0)
            assert scene.followed == {SHOP}

    scene = learning(story)
    assert len(scene.user.policies) == 1, "nothing changed"
    assert len(scene.store.saved) == 6, "when it was looked up is worth saving"


def test_addresses_that_come_and_go_count_from_the_next_audit() -> None:
    async def story(scene: Scene) -> None:
        scene.daemon.interfaces = {OTHER: "lo"}
        scene.see()
        await asyncio.sleep(0.001)
        assert scene.followed == {SHOP}, "not audited yet"
        scene.daemon.audited()
        await asyncio.sleep(2.0)
        assert scene.learner.held == {OTHER}
        assert scene.learner.held_as_listed == {b"192,0,2,99"}
        scene.see("other.example", OTHER)
        scene.see("late.example", VIP)
        await asyncio.sleep(2.0)
        assert scene.followed == {SHOP, "other.example"}

    learning(story)


def test_what_an_audit_shows_changes_what_it_should_serve() -> None:
    async def story(scene: Scene) -> None:
        scene.see()
        await asyncio.sleep(2.0)
        dead = view(local(VIP, *seen(("80", None), ("443", None))))
        (alt,) = ports("8080")
        refused = (RefusedPort(VIP, "lo", alt, None),)
        scene.daemon.audited(snapshot(domains={SHOP: dead}, refused=refused))
        await asyncio.sleep(2.0)
        assert scene.user.policies[-1].domains[SHOP] == Domain(SHOP, (alt,), any_of=False)
        changes = len(scene.user.policies)
        scene.daemon.audited(snapshot(domains={SHOP: dead}, refused=()))
        await asyncio.sleep(2.0)
        assert len(scene.user.policies) == changes
        await asyncio.sleep(601.0)
        scene.daemon.audited()
        await asyncio.sleep(2.0)
        assert scene.user.policies[-1].domains[SHOP].guessed, "nobody was refused for ten minutes"

    learning(story)


def test_what_could_not_be_saved_is_saved_again_and_once_more_at_the_end() -> None:
    async def story(scene: Scene) -> None:
        scene.store.works = False
        scene.see()
        await asyncio.sleep(22.0)
        scene.store.works = True
        await asyncio.sleep(100.0)

    scene = learning(story)
    assert len(scene.store.saved) == 4
