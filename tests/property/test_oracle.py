"""The kernel agrees with every verdict, and no fix does harm, in worlds that nobody thought of.

`make oracle` tries 2,000 of the first kind and 500 of the second, verifies 500, and cleans 500.
"""

from collections import Counter

import pytest

from lowatch.core.changes.moves import Moves
from lowatch.core.findings import Action
from lowatch.core.fixes.ground import Ground
from lowatch.core.fixes.offer import Scales
from lowatch.core.fixes.uses import Uses
from lowatch.core.held import Held
from lowatch.core.plan import Plan, Step
from lowatch.kernel.host import Host
from lowatch.kernel.input_devices import LOOPBACK_INDEX, InputDevices
from tests.oracle import clean_trial, fix_trial, verify_trial
from tests.oracle.generate import generate
from tests.oracle.trial import trial
from tests.support.worlds import first_seed

WORLDS = 60
HOSTS = 30
VERIFIED = 20
CLEANED = 20


def test_the_kernel_agrees() -> None:
    first = first_seed()
    stories = [story for seed in range(first, first + WORLDS) if (story := trial(seed))]
    assert not stories, "\n\n".join(stories)


def test_a_world_can_be_replayed() -> None:
    assert generate(7) == generate(7)
    assert generate(7) != generate(8)


@pytest.mark.parametrize(
    ("what", "wrong", "expected"),
    [
        ((InputDevices, "device"), lambda *_: LOOPBACK_INDEX, "lowatch says"),
        ((Host, "may_be_local"), lambda *_: False, "lowatch says not local; a client met"),
        ((Host, "loopback_up"), lambda *_: True, "a client met: silence"),
    ],
)
def test_it_sees_when_lowatch_is_wrong(
    what: tuple[type, str], wrong: object, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(*what, wrong)
    monkeypatch.setattr("tests.oracle.clients.LONG", 0.05)  # an expected answer may never come
    monkeypatch.setattr("tests.oracle.trial._REDUCED_WITHIN", 1.0)
    monkeypatch.setattr("lowatch.kernel.probe._PATIENCE", {"tcp": 0.05, "udp": 0.05})
    story = next(story for seed in range(1000) if (story := trial(seed)))
    assert "(python -m tests.oracle --worlds 1 --seed " in story
    assert expected in story


def test_verification_finds_nothing() -> None:
    first, counts = first_seed(), Counter[str]()
    seeds = range(first, first + VERIFIED)
    stories = [story for seed in seeds if (story := verify_trial.trial(seed, counts))]
    assert not stories, "\n\n".join(stories)
    assert counts["verdict agrees"] > VERIFIED
    assert counts["messages compared"] > 10 * VERIFIED


def test_verification_finds_a_wrong_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Host, "may_be_local", lambda *_: False)
    story = next(story for seed in range(100) if (story := verify_trial.trial(seed, Counter())))
    assert "lowatch says not local, but the kernel delivers it here" in story


@pytest.mark.parametrize("half", [0, 1])
def test_no_fix_takes_anything_else_away_and_each_fixes_its_finding(half: int) -> None:
    first = first_seed() + half * HOSTS
    counts = Counter[str]()
    stories = [story for seed in range(first, first + HOSTS) if (story := fix_trial.trial(seed, counts))]
    assert not stories, "\n\n".join(stories)
    assert sum(count for what, count in counts.items() if what.endswith(": fix")) >= HOSTS / 5, counts


def _blunt(action: Action, held: Held, ground: Ground, in_use: object) -> Plan:
    """A planner that knows nothing of what goes along, or of what is served."""
    return (Step("unroute" if action is Action.UNROUTE else "remove", held),)


@pytest.mark.parametrize(
    ("what", "wrong", "seed"),
    [
        ("lowatch.core.fixes.offer.plan_for", _blunt, 1000),
        ("lowatch.core.fixes.offer.Ground.source_of_others", lambda *_: "", 1006),
    ],
)
def test_a_rehearsal_sees_what_a_wrong_plan_does(
    what: str, wrong: object, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before it is done: what then does harm was rehearsed as harmful. (It may see more than clients.)"""
    monkeypatch.setattr(what, wrong)
    monkeypatch.setattr("tests.oracle.clients.LONG", 0.05)  # an expected answer may never come
    counts = Counter[str]()
    while not any(what.startswith("rehearsal: harmful") for what in counts):
        story = fix_trial.trial(seed, counts)
        assert "REHEARSED AS SAFE" not in story, story
        seed += 1


def test_most_plain_orphans_have_a_fix() -> None:
    """Nothing else serves, expects or needs their addresses. To print no fix would be harmless too."""
    counts = Counter[str]()
    for seed in range(10):
        fix_trial.survey(seed, counts)
    fixes = sum(count for what, count in counts.items() if what == "orphan-vip: fix")
    none = sum(count for what, count in counts.items() if what.startswith("orphan-vip: none"))
    assert fixes > none / 2, counts


@pytest.mark.parametrize(
    ("what", "wrong", "seed", "expected"),
    [
        ((Scales, "weigh"), lambda *_: "", 1000, ": NEW "),
        ((Uses, "of"), lambda *_: "", 1009, ": LOST "),
        ((Ground, "source_of_others"), lambda *_: "", 1189, "LOST the neighbour's"),
    ],
)
def test_it_sees_when_a_fix_does_harm(
    what: tuple[type, str], wrong: object, seed: int, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """seed: a host where the harm shows at once. Any of a hundred others would be as good."""
    monkeypatch.setattr(*what, wrong)
    story = next(story for seed in range(seed, seed + 200) if (story := fix_trial.trial(seed)))
    assert "(python -m tests.oracle --worlds 0 --fixes 1 --seed " in story
    assert expected in story


def test_nothing_is_lost_where_all_is_cleaned_and_the_undo_restores_everything() -> None:
    first, counts = first_seed(), Counter[str]()
    stories = [
        story for seed in range(first, first + CLEANED) if (story := clean_trial.trial(seed, counts))
    ]
    assert not stories, "\n\n".join(stories)
    assert counts["changes"] >= CLEANED / 5, counts


@pytest.mark.parametrize(
    ("what", "wrong", "seed", "expected"),
    [
        (("lowatch.app.undoing.moves",), lambda *_: Moves(), 5000, "NOT UNDONE"),
        ((Uses, "of"), lambda *_: "", 1009, "stopped: in a copy of this network, "),
    ],
)
def test_it_sees_when_a_cleaning_does_harm(
    what: tuple[type, str], wrong: object, seed: int, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plan that does harm is stopped by its rehearsal."""
    monkeypatch.setattr(*what, wrong)
    story = next(story for seed in range(seed, seed + 200) if (story := clean_trial.trial(seed)))
    assert "--cleanings 1 --seed " in story
    assert expected in story
