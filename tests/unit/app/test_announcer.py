"""No alert is lost, whenever the process is killed, and the journal's last word comes to be right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from lowatch.app.announcer import Announcer
from lowatch.app.finding_tracker import FindingTracker
from lowatch.app.state_saver import SavedState, StateSaver, as_delivered
from lowatch.core.clock import Now
from lowatch.core.lifecycle import FindingState, Remembered, Tracked
from tests.support.aio import run_async
from tests.support.inline_threads import InlineThreads
from tests.unit.app.findings import finding, firing, now, step
from tests.unit.app.scripted import ScriptedClock, no_victims, policy_of

NUMBERS = range(3)


class Sink:
    """An AlertSink of a journal that takes what it is told to take."""

    def __init__(self) -> None:
        self.dropped = 0
        self.listed = 0
        self.queue: list[Tracked] = []

    def announce(self, tracked: Tracked, now: Now) -> None:
        self.queue.append(tracked)

    def flush(self) -> None:
        pass

    def undelivered(self) -> Sequence[Tracked]:
        self.listed += 1
        return list(self.queue)


class Disk:
    """A StateStore, and what it knows was about to be delivered since: as StateFile has it."""

    def __init__(self) -> None:
        self.saved: Mapping[str, Tracked] = {}
        self.intended: dict[str, Tracked] = {}

    def load(self) -> Sequence[Remembered]:
        found = {
            key: Remembered(one.finding, one.since, one.announced, one.delivery_unknown)
            for key, one in self.saved.items()
        }
        for key, one in self.intended.items():
            found[key] = Remembered(one.finding, one.since, announced=True, delivery_unknown=True)
        return list(found.values())

    def end_generation(self) -> int:
        return 0

    def save(self, tracked: Mapping[str, Tracked], generation: int) -> bool:
        self.saved = tracked
        self.intended = {}
        return True


class Run:
    """One life of a process."""

    def __init__(self, disk: Disk, at: float) -> None:
        self.sink = Sink()
        self.tracker = FindingTracker(policy_of(hold=0.0), disk.load(), now(at))
        self.saver = StateSaver(disk, InlineThreads(), ScriptedClock())
        self.announcer = Announcer(self.tracker, self.sink, self.saver, ScriptedClock(), no_victims())


class Host:
    """A process that is killed and started, its disk, and the journal, which has the last words."""

    def __init__(self) -> None:
        self.disk = Disk()
        self.journal: list[Tracked] = []
        self.present: set[int] = set()
        self.time = 1.0
        self.run = Run(self.disk, self.time)

    def judge(self, present: set[int], confirmed: set[int] | None = None) -> None:
        self.present, self.time = present, self.time + 1.0
        keys = None if confirmed is None else {finding(number).key for number in confirmed}
        step(self.run.tracker, map(finding, sorted(present)), self.time, keys)

    def announce(self, count: int = 1000) -> None:
        for one in self.run.tracker.take_unannounced(count):
            self.run.sink.announce(one, now(self.time))

    def deliver(self, count: int = 1000) -> None:
        """What is delivered is written down before that."""
        queue = self.run.sink.queue
        for one in queue[:count]:
            self.disk.intended[one.finding.key] = one
            self.journal.append(one)
        del queue[:count]

    def save(self) -> None:
        self.run.saver.save_at_last(self.run.announcer.state())

    def kill(self) -> None:
        self.run = Run(self.disk, self.time)

    def last_words(self) -> dict[str, FindingState]:
        return {one.finding.key: one.state for one in self.journal}

    def check(self) -> None:
        """What would be saved now as announced is what the journal has to fire, and nothing else is."""
        words = self.last_words()
        for key, one in as_delivered(self.run.announcer.state()).items():
            if not one.delivery_unknown:
                assert one.announced is (words.get(key) is FindingState.FIRING)


class Step(NamedTuple):
    what: str
    numbers: set[int]
    count: int = 0


SOME = st.sets(st.sampled_from(NUMBERS))
COUNT = st.integers(0, 3)
ALIVE = st.one_of(
    st.builds(Step, st.just("judge"), SOME),
    st.builds(Step, st.just("judge, nothing confirmed"), SOME),
    st.builds(Step, st.just("announce"), st.just(set()), COUNT),
    st.builds(Step, st.just("deliver"), st.just(set()), COUNT),
    st.builds(Step, st.just("save"), st.just(set())),
)
KILLED = st.one_of(ALIVE, st.builds(Step, st.just("kill"), st.just(set())))


def live(steps: list[Step]) -> Host:
    host = Host()
    for what, numbers, count in steps:
        if what == "judge":
            host.judge(numbers)
        elif what.startswith("judge"):
            host.judge(numbers, set())
        elif what == "announce":
            host.announce(count)
        elif what == "deliver":
            host.deliver(count)
        elif what == "save":
            host.save()
        else:
            host.kill()
        host.check()
    return host


@given(st.lists(KILLED, max_size=30), SOME)
def test_killed_at_any_moment_the_last_word_comes_to_be_right(steps: list[Step], present: set[int]) -> None:
    """At least once: what shows in the end was announced, and whatever was announced is resolved."""
    host = live(steps)
    for _ in range(2):
        host.judge(present)
        host.announce()
        host.deliver()
        host.check()
    words = host.last_words()
    for number in NUMBERS:
        word = words.get(finding(number).key)
        assert word is FindingState.FIRING if number in present else word in (None, FindingState.RESOLVED)


@given(st.lists(ALIVE, max_size=30))
def test_where_nothing_is_killed_nothing_is_announced_twice(steps: list[Step]) -> None:
    host = live(steps)
    host.announce()
    host.deliver()
    for number in NUMBERS:
        words = [one.state for one in host.journal if one.finding.key == finding(number).key]
        assert all(one is not two for one, two in pairwise(words))
        assert words[:1] in ([], [FindingState.FIRING])


def test_at_no_moment_is_saved_as_announced_what_was_not() -> None:
    """Forty at once, looked at after each."""
    host = Host()
    host.judge(set(range(40)))
    saved = []
    for _ in range(41):
        host.check()
        host.save()
        saved.append(sum(one.announced for one in host.disk.saved.values()))
        host.announce(1)
        host.check()
        host.deliver(1)
    assert saved == list(range(41))


def test_while_some_are_to_be_announced_nobody_lists_what_waits() -> None:
    """A hundred thousand may, and 32 are announced at a time."""
    host = Host()
    run = host.run
    run.sink.queue = [firing(1000)]
    run.saver.save_at_last(run.announcer.state())  # as undelivered
    host.judge(set(range(100)))
    run.sink.listed, turns = 0, 0

    async def scenario() -> None:
        nonlocal turns
        while run.tracker.has_unannounced:
            await run.announcer.announce()
            turns += 1

    run_async(scenario())
    assert (len(run.sink.queue), turns, run.sink.listed) == (101, 4, 1)


def test_what_the_sink_has_was_announced_before_what_is_still_to_be() -> None:
    first = firing(1)
    key = first.finding.key
    host = Host()
    host.judge({1})
    host.run.sink.queue = [replace(first, state=FindingState.RESOLVED, present=False)]
    host.save()
    assert (host.disk.saved[key].since, host.disk.saved[key].announced) == (first.since, True)
    resolved = replace(first, state=FindingState.RESOLVED, present=False)
    assert as_delivered(SavedState({}, [first, resolved])) == {}
    host = Host()
    host.judge({1})
    host.announce()
    host.judge(set())
    assert [one.state for one in host.run.announcer.state().undelivered] == [
        FindingState.FIRING,
        FindingState.RESOLVED,
    ]
    host.save()
    assert host.disk.saved == {}
