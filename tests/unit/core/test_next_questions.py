from __future__ import annotations

from lowatch.core.next_questions import NextQuestion, Pace


def test_a_pace_is_its_text() -> None:
    assert f"{NextQuestion('A', 1.0, Pace.FAR).pace}" == "far"
