"""The daemon agrees with its clients, whatever happens to the host. `make walk` goes 500 steps."""

import pytest

from tests.support.worlds import first_seed
from tests.walk import scene, walk


@pytest.mark.parametrize("number", range(3))
def test_a_walk(number: int) -> None:
    story = walk.walk(first_seed() + number, 34)
    assert not story, story


def test_it_sees_when_the_daemon_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that watches other interfaces than it is thought to watch."""
    monkeypatch.setattr(walk, "_SETTLED_WITHIN", 0.5)
    monkeypatch.setattr(walk, "WATCHED", ("none0",))
    story = next(story for seed in range(50) if (story := walk.walk(seed, 2)))
    assert "DISAGREES: " in story
    assert "no endpoint; a client met: " in story
    assert scene.WATCHED == ("lo", "vip0")
