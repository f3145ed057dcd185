"""The kernel agrees with every verdict, in worlds that nobody thought of. `make oracle` tries 2,000."""

import random

import pytest

from lowatch.kernel.arrivals import LOOPBACK_INDEX, Arrivals
from lowatch.kernel.host import Host
from tests.oracle.generate import generate
from tests.oracle.trial import trial

WORLDS = 100


def test_the_kernel_agrees() -> None:
    first = random.randrange(10**9)  # pytest-randomly seeds this anew for each run, and says how
    stories = [story for seed in range(first, first + WORLDS) if (story := trial(seed))]
    assert not stories, "\n\n".join(stories)


def test_a_world_can_be_replayed() -> None:
    assert generate(7) == generate(7)
    assert generate(7) != generate(8)


@pytest.mark.parametrize(
    ("what", "wrong", "told"),
    [
        ((Arrivals, "device"), lambda *_: LOOPBACK_INDEX, "lowatch says"),
        ((Host, "may_be_local"), lambda *_: False, "lowatch says not local; a client met"),
        ((Host, "loopback_up"), lambda *_: True, "a client met: silence"),
    ],
)
def test_it_sees_when_lowatch_is_wrong(
    what: tuple[type, str], wrong: object, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(*what, wrong)
    monkeypatch.setattr("tests.oracle.clients.LONG", 0.05)  # what must come does not: do not wait long
    monkeypatch.setattr("tests.oracle.trial._REDUCED_WITHIN", 1.0)
    monkeypatch.setattr("lowatch.kernel.probe._PATIENCE", {"tcp": 0.05, "udp": 0.05})
    story = next(story for seed in range(1000) if (story := trial(seed)))
    assert "(python -m tests.oracle --worlds 1 --seed " in story
    assert told in story
