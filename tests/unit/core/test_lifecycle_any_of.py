"""The ports of an any-of set are one thing to a person: one of them speaks for all."""

from __future__ import annotations

import pytest

from lowatch.core.addresses import parse_address, parse_port
from lowatch.core.findings import Finding, FindingKind, Subject
from lowatch.core.judgement import Judgement
from lowatch.core.lifecycle import Remembered, Step, Tracked, revive, step
from lowatch.core.policy import Acknowledgement, Policy
from tests.unit.core.lives import at

PORTS = ("80/tcp", "443/tcp", "8443/tcp")
ACCEPTED_UNTIL = 1e12


def orphans(*ports: str, any_of: tuple[str, ...] = PORTS) -> Judgement:
    """Of these ports."""
    address, siblings = parse_address("192.0.2.10"), tuple(map(parse_port, any_of))
    subjects = [
        Subject(FindingKind.ORPHAN_VIP, "lo", address, "www.example.com", parse_port(p)) for p in ports
    ]
    return Judgement({}, [Finding(one, "nobody", (), siblings) for one in subjects], [])


class Life:
    """What is announced, as in "80/tcp firing"."""

    def __init__(self, policy: Policy | None = None) -> None:
        self.policy = policy or Policy(hold=0.0)
        self.last = Step({}, ())
        self.now = 0.0

    def judged(self, judgement: Judgement) -> list[str]:
        self.now += 30.0
        self.last = step(self.last.tracked, judgement, at(self.now), self.policy)
        return [f"{one.finding.subject.port} {one.state}" for one in self.last.announcements]


def test_one_entry_when_they_fire_and_one_when_they_are_resolved() -> None:
    life = Life()
    assert life.judged(orphans(*PORTS)) == ["80/tcp firing"]
    assert len(life.last.tracked) == 3
    assert life.judged(orphans(*PORTS)) == []
    assert life.judged(orphans()) == ["80/tcp resolved"]


def test_ports_that_are_each_required_speak_for_themselves() -> None:
    life = Life()
    assert life.judged(orphans(*PORTS, any_of=())) == [f"{port} firing" for port in PORTS]
    assert life.judged(orphans("443/tcp", any_of=())) == ["80/tcp resolved", "8443/tcp resolved"]


def test_the_first_that_is_not_acknowledged_speaks() -> None:
    accepted = Acknowledgement(ACCEPTED_UNTIL, "known", port=parse_port("80/tcp"))
    life = Life(Policy(hold=0.0, acknowledgements=(accepted,)))
    assert life.judged(orphans(*PORTS)) == ["443/tcp firing"]
    assert life.judged(orphans()) == ["443/tcp resolved"]


def test_where_the_speaker_is_configured_away_another_speaks_up() -> None:
    life = Life()
    assert life.judged(orphans(*PORTS)) == ["80/tcp firing"]
    assert life.judged(orphans("443/tcp", any_of=())) == ["80/tcp resolved", "443/tcp firing"]
    assert life.judged(orphans()) == ["443/tcp resolved"]


def test_who_was_spoken_for_goes_without_a_word() -> None:
    life = Life()
    assert life.judged(orphans(*PORTS)) == ["80/tcp firing"]
    assert life.judged(orphans("80/tcp", any_of=())) == []
    assert life.judged(orphans()) == ["80/tcp resolved"]


@pytest.mark.parametrize("order", [PORTS, PORTS[::-1]])
def test_a_restart_changes_nothing_of_it(order: tuple[str, ...]) -> None:
    life = Life()
    life.judged(orphans(*PORTS))
    by_port: dict[str, Tracked] = {str(t.finding.subject.port): t for t in life.last.tracked.values()}
    remembered = [Remembered(by_port[p].finding, by_port[p].since, by_port[p].announced) for p in order]
    for judgement, expected in ((orphans(*PORTS), []), (orphans(), ["80/tcp resolved"])):
        life.last = Step(revive(remembered, at(life.now), Policy()), ())
        assert life.judged(judgement) == expected
