"""When names that the host and its addresses say of themselves are put into force and saved."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from lowatch.app.candidates import Candidates, Places
from lowatch.app.candidates_follower import CandidatesFollower
from lowatch.app.config_in_force import ConfigInForce
from lowatch.app.names_saver import NamesSaver
from lowatch.config.load import load
from lowatch.core.candidate_names import CandidateNames
from lowatch.core.learned_names import LearnedName
from lowatch.core.name_sources import CANDIDATES, NameSource
from lowatch.core.snapshot import RefusedPort
from lowatch.files.threads import NoThreadError
from tests.support.inline_threads import InlineThreads
from tests.support.virtual_time import LoopClock
from tests.unit.app.config_users import SYSTEM_FILE, ConfigUser
from tests.unit.app.given_dns import GivenDns
from tests.unit.app.names_scene import Auditing, Store, played, rendered
from tests.unit.app.test_candidates import Files, Said
from tests.unit.core.worlds import VIP, VIP6, local, ports, seen, snapshot, view

SHOP = "shop.example"


class Threads(InlineThreads):
    """missing: how many threads there are not."""

    def __init__(self) -> None:
        self.missing = 0
        self.runs = 0

    async def run_blocking(self, function, /, *args, **kwargs):  # type: ignore[no-untyped-def]
        self.runs += 1
        if self.missing:
            self.missing -= 1
            raise NoThreadError("none")
        return await super().run_blocking(function, *args, **kwargs)


class Scene:
    def __init__(self) -> None:
        self.user, self.daemon, self.store = ConfigUser(), Auditing(), Store()
        self.dns, self.files, self.threads = GivenDns(), Files(), Threads()
        self.names = CandidateNames()
        self.names.restore([("old.example", LearnedName(NameSource.PTR, 0.0))])
        self.config = ConfigInForce(
            load(None),
            *(self.user, self.user, self.user, self.user),
            [SYSTEM_FILE],
            learned=[self.names],
        )
        clock = LoopClock()
        self.follower = CandidatesFollower(
            self.names,
            Candidates(Places(CANDIDATES, self.files, self.dns, lambda: "web1")),
            self.dns,
            self.config,
            self.daemon,
            NamesSaver(self.names, self.store, rendered, self.threads, clock),
            self.threads,
            clock,
        )

    @property
    def followed(self) -> dict[str, NameSource]:
        return dict(self.user.policies[-1].learned) if self.user.policies else {}

    async def audit(self, **rest: object) -> None:
        self.daemon.audited(replace(snapshot(), **rest))  # type: ignore[arg-type]
        await asyncio.sleep(2.0)


def following(story: Callable[[Scene], Awaitable[None]]) -> Scene:
    return played(Scene, lambda scene: scene.follower.run(), story)


def test_nothing_is_asked_before_an_audit_says_which_addresses_are_held() -> None:
    async def story(scene: Scene) -> None:
        scene.follower.files_changed()
        await asyncio.sleep(60.0)
        assert scene.dns.domains == []
        assert scene.threads.runs == 0
        await scene.audit()
        assert len(scene.dns.domains) == 1
        assert scene.user.policies == [], "what the last run knew is in force already"

    following(story)


def test_a_name_is_followed_once_it_leads_here_and_what_was_known_until_all_answered() -> None:
    async def story(scene: Scene) -> None:
        scene.daemon.interfaces = {VIP: "lo", VIP6: "lo"}
        await scene.audit()
        scene.dns.names(VIP, shop_example="192.0.2.10")
        await asyncio.sleep(2.0)
        assert scene.followed == {SHOP: NameSource.PTR, "old.example": NameSource.PTR}
        scene.dns.names(VIP6)
        await asyncio.sleep(2.0)
        assert scene.followed == {SHOP: NameSource.PTR}
        assert scene.user.policies[-1].domains[SHOP].guessed

    assert following(story).store.saved[-1][1] == SHOP.encode()


def test_files_are_read_again_only_if_they_or_the_addresses_changed() -> None:
    async def story(scene: Scene) -> None:
        await scene.audit()
        for _ in range(3):
            scene.follower.files_changed()
            await scene.audit()
        assert scene.threads.runs == 1
        scene.files.hosts = Said({"vip.example"})
        scene.follower.files_changed()
        await asyncio.sleep(2.0)
        assert scene.followed["vip.example"] is NameSource.HOSTS
        scene.daemon.interfaces = {VIP6: "lo"}
        reads = scene.threads.runs
        await scene.audit()
        assert scene.threads.runs > reads

    following(story)


def test_without_a_thread_it_is_tried_again() -> None:
    async def story(scene: Scene) -> None:
        scene.threads.missing = 2
        scene.files.hosts = Said({"vip.example"})
        await scene.audit()
        assert "vip.example" not in scene.followed
        await asyncio.sleep(15.0)
        assert "vip.example" in scene.followed

    following(story)


def test_audits_show_what_a_name_should_serve_and_many_answers_are_one_change() -> None:
    async def story(scene: Scene) -> None:
        await scene.audit()
        scene.dns.names(VIP, shop_example="192.0.2.10")
        await asyncio.sleep(2.0)
        [alt] = ports("8080")
        observed = {SHOP: view(local(VIP, *seen(("80", None))))}
        await scene.audit(domains=observed, refused=(RefusedPort(VIP, "lo", alt, None),))
        assert scene.user.policies[-1].domains[SHOP].ports == (alt,)
        changes = len(scene.user.policies)
        for _ in range(100):
            scene.dns.names(VIP, shop_example="192.0.2.10")
            await asyncio.sleep(0.01)
        assert len(scene.user.policies) == changes

    following(story)


def test_a_failure_is_the_problem_until_it_is_over() -> None:
    async def story(scene: Scene) -> None:
        scene.dns.problems = ["no nameserver"]
        await scene.audit()
        assert scene.follower.problem == "names.learn: no nameserver"
        scene.dns.problems = []
        scene.dns.names(VIP)
        await asyncio.sleep(2.0)
        assert scene.follower.problem == ""

    following(story)
