"""The questions of a stream channel: in which order they wait, and under which ids they are in flight."""

from __future__ import annotations

from lowatch.resolve.upstream.stream_queries import StreamQueries
from tests.support.streams import Question


def queries(*names: str) -> StreamQueries:
    found = StreamQueries()
    for name in names:
        found.add(Question(name))
    return found


def waiting(found: StreamQueries) -> list[str]:
    return [query.question.name for query in found.waiting]  # type: ignore[attr-defined]


def test_they_are_put_in_their_order_each_under_an_id_of_its_own() -> None:
    found = queries("a", "b", "c")
    put = [found.put_next(now) for now in (1.0, 2.0)]
    assert [found.in_flight[ident] for ident, _ in put] == [query for _, query in put]
    assert found.oldest() is put[0][1]
    assert waiting(found) == ["c"]
    assert len(found) == 3


def test_the_id_of_a_question_in_flight_is_not_used_again() -> None:
    """After 65,535 others it would be its turn."""
    found = queries("a")
    first, query = found.put_next(1.0)
    for _ in range(0xFFFF):
        found.add(Question("b"))
        ident, _ = found.put_next(1.0)
        del found.in_flight[ident]
    found.add(Question("c"))
    ident, _ = found.put_next(1.0)
    assert ident != first
    assert found.in_flight[first] is query


def test_silent_are_those_that_were_put_early() -> None:
    found = queries("a", "b")
    [ident, _], _ = found.put_next(1.0), found.put_next(2.0)
    assert list(found.silent(1.5)) == [ident]
    assert found.silent(0.5) == {}


def test_what_is_put_again_waits_before_all_others_but_not_for_ever() -> None:
    found = queries("a", "b", "c")
    found.put_next(1.0), found.put_next(1.0)
    assert found.put_again(found.take_in_flight(), most=2) == []
    assert waiting(found) == ["a", "b", "c"]
    assert [query.puts for query in found.take_waiting(again=True)] == [1, 1]
    assert waiting(found) == ["c"]
    found.put_next(2.0)
    [query] = found.take_in_flight()
    assert found.put_again([query], most=1) == [query]
    assert waiting(found) == []


def test_closed_it_gives_back_all_questions() -> None:
    found = queries("a", "b")
    found.put_next(1.0)
    assert [question.name for question in found.close()] == ["a", "b"]  # type: ignore[attr-defined]
    assert len(found) == 0
