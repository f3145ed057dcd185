"""RequestCache: unchanged replies are read once, failures are answers, and memory is bounded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowatch.core.known import Unknown
from lowatch.core.limits.kernel import KERNEL_ANSWERS_KEPT
from lowatch.kernel.request_cache import RequestCache
from lowatch.kernel.request_socket import NetlinkError, RequestSocket, batches, unknown

Answer = str | Unknown


class World(RequestSocket):
    """What each question's answer is now; None: the kernel gives no reply at all."""

    def __init__(self) -> None:
        super().__init__(0)
        self.answers: dict[int, str] | None = {}
        self.requests: list[object] = []

    def ask(self, requests: Sequence[tuple[bytes, int]]) -> list[bytes]:
        self.requests.append(requests)
        if self.answers is None:
            raise NetlinkError("the kernel sent no reply")
        questions = [int(word) for batch, _ in requests for word in batch.split()]
        assert sum(count for _, count in requests) == len(questions)
        return [self.answers.get(question, "nobody").encode() for question in questions]


class Reader:
    def __init__(self) -> None:
        self.read: list[int] = []

    def __call__(self, _sequence: int, question: int, reply: bytes) -> Answer:
        self.read.append(question)
        return f"{question}: {reply.decode()}"


def build(_sequence: int, question: int) -> bytes:
    return b" %d" % question


def asker(world: World) -> tuple[RequestCache[int, Answer], Reader]:
    reader = Reader()
    return RequestCache(world, build, reader, unknown), reader


def told(questions: Iterable[int], world: World) -> list[Answer]:
    assert world.answers is not None
    return [f"{q}: {world.answers.get(q, 'nobody')}" for q in questions]


def test_same_replies_same_list() -> None:
    """Whoever kept the list knows without looking that nothing changed."""
    world = World()
    asked, reader = asker(world)
    first = asked.ask([1, 2, 3])
    assert asked.ask([1, 2, 3]) is first
    assert asked.ask((1, 2, 3)) is first
    assert reader.read == [1, 2, 3]
    assert world.requests[0] is world.requests[1], "requests are built once"


@pytest.mark.parametrize("other", [[1, 2], [3, 2, 1], [1, 2, 3, 3], []])
def test_other_questions_other_list(other: list[int]) -> None:
    world = World()
    asked, _ = asker(world)
    first = asked.ask([1, 2, 3])
    assert asked.ask(other) == told(other, world)
    assert asked.ask([1, 2, 3]) is first


def test_changed_reply_new_list() -> None:
    """Also where it changes back: the list of before said so, and somebody may have seen the other."""
    world = World()
    asked, _ = asker(world)
    first = asked.ask([1, 2])
    world.answers = {2: "somebody"}
    second = asked.ask([1, 2])
    assert second == ["1: nobody", "2: somebody"]
    world.answers = {}
    third = asked.ask([1, 2])
    assert third == first
    assert third is not first
    assert first == ["1: nobody", "2: nobody"], "what was handed out stays as it was"


def test_failure_is_an_answer_to_each() -> None:
    """And never looks like "nothing changed", nor spoils what was known before."""
    world = World()
    asked, _ = asker(world)
    first = asked.ask([1, 2])
    world.answers = None
    failed = [asked.ask([1, 2]) for _ in range(2)]
    assert failed == [[Unknown("netlink", "the kernel sent no reply")] * 2] * 2
    assert failed[0] is not failed[1]
    world.answers = {}
    assert asked.ask([1, 2]) is first


def test_forgetting_builds_and_reads_anew() -> None:
    world = World()
    asked, reader = asker(world)
    first = asked.ask([1])
    asked.forget()
    assert asked.ask([1]) is not first
    assert reader.read == [1, 1]
    assert world.requests[0] is not world.requests[1]


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many different lists of questions come, and however long they are."""
    monkeypatch.setattr(KERNEL_ANSWERS_KEPT, "value", 100)
    world = World()
    asked, _ = asker(world)
    for first in range(300):
        questions = list(range(first, first + first % 40 + 1))
        assert asked.ask(questions) == told(questions, world)
        assert len(asked) <= 100
    often = list(range(1000, 1020))
    first_answers = asked.ask(often)
    for first in range(50):
        asked.ask(list(range(first, first + 10)))
        assert asked.ask(often) is first_answers, "what is asked all the time stays"
    many = list(range(150))
    assert asked.ask(many) is asked.ask(many), "one list that is longer is remembered by itself"
    assert len(asked) == 150
    assert asked.ask([1]) == told([1], world)
    assert len(asked) == 1


@given(st.data())
def test_answers_as_if_it_remembered_nothing(data: st.DataObject) -> None:
    world = World()
    asked, _ = asker(world)
    kept: dict[int, tuple[list[Answer], list[Answer]]] = {}
    for _ in range(data.draw(st.integers(1, 12))):
        change = data.draw(st.sampled_from(["appears", "goes", "fails", "nothing", "forgotten"]))
        if change == "fails":
            world.answers = None
        elif world.answers is None:
            world.answers = {}
        if change == "appears":
            world.answers = {**(world.answers or {}), data.draw(st.integers(0, 3)): "somebody"}
        elif change == "goes":
            world.answers = {}
        elif change == "forgotten":
            asked.forget()
        questions = data.draw(st.lists(st.integers(0, 3), max_size=3))
        found = asked.ask(questions)
        if world.answers is not None:
            assert found == told(questions, world)
        kept[id(found)] = (found, list(found))
        assert all(one == copy for one, copy in kept.values()), "nobody's list changes under him"


def test_batches_join_requests_in_order() -> None:
    assert batches([b"a", b"b"]) == [(b"ab", 2)]
    assert batches([]) == []
