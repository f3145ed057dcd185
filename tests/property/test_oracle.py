"""The kernel agrees with every verdict, and no fix does harm, in worlds that nobody thought of.

`make oracle` tries 2,000 of the first kind, and 500 of the second.
"""

from collections import Counter

import pytest

from lowatch.core.fixes.ground import Ground
from lowatch.core.fixes.offer import Scales
from lowatch.core.fixes.uses import Uses
from lowatch.kernel.host import Host
from lowatch.kernel.input_devices import LOOPBACK_INDEX, InputDevices
from tests.oracle import fix_trial
from tests.oracle.generate import generate
from tests.oracle.trial import trial
from tests.support.worlds import first_seed

WORLDS = 100
HOSTS = 50


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


def test_no_fix_takes_anything_else_away_and_each_fixes_its_finding() -> None:
    first = first_seed()
    counts = Counter[str]()
    stories = [story for seed in range(first, first + HOSTS) if (story := fix_trial.trial(seed, counts))]
    assert not stories, "\n\n".join(stories)
    assert sum(count for what, count in counts.items() if what.endswith(": fix")) >= HOSTS / 5, counts


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
        ((Ground, "_source_of_others"), lambda *_: "", 1001, "LOST the neighbour's"),
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
