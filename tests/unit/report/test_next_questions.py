from __future__ import annotations

import json

import pytest

from lowatch.core.next_questions import NextQuestion, Pace
from lowatch.report.next_questions import parse_next, render_next

QUESTIONS = (NextQuestion("A", 2541.25, Pace.FAR), NextQuestion("AAAA", 0.0, Pace.RETRY))


@pytest.mark.parametrize("questions", [(), QUESTIONS])
def test_it_reads_what_it_renders(questions: tuple[NextQuestion, ...]) -> None:
    assert parse_next(render_next(questions).decode()) == questions


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "null",
        json.dumps({"schema": 2, "next": []}),
        json.dumps({"schema": 1, "next": [["A", 1.0, "ttl"]] * 4}),
        json.dumps({"schema": 1, "next": [["MX", 1.0, "ttl"]]}),
        json.dumps({"schema": 1, "next": [["A", -1.0, "ttl"]]}),
        json.dumps({"schema": 1, "next": [["A", float("nan"), "ttl"]]}),
        json.dumps({"schema": 1, "next": [["A", "1", "ttl"]]}),
        json.dumps({"schema": 1, "next": [["A", 1.0, "soon"]]}),
        json.dumps({"schema": 1, "next": ["A"]}),
    ],
)
def test_anything_else_is_refused(content: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_next(content)
