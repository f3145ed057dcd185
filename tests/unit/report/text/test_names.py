"""The names of a text report that do not resolve."""

from __future__ import annotations

from lowatch.core.answers import AnswerStatus
from lowatch.core.audit import Audit
from lowatch.report.text.audit import render
from tests.unit.report.audit_worlds import (
    answer,
    audit,
    clear,
    unresolved,
)


def plain(world: Audit, width: int = 80) -> str:
    return render(world, colour=False, width=width)


class TestNames:
    def test_the_most_doubtful_come_first(self) -> None:
        rows = plain(unresolved()).split("Unresolved domains\n")[1].splitlines()
        assert [row.split()[0] for row in rows if row.startswith("  ") and row[2] != " "] == [
            "stale",
            "nxdomain",
            "nodata",
        ]

    def test_more_than_a_few_are_counted(self) -> None:
        names = [answer(f"n{n:03}.example.com", AnswerStatus.NXDOMAIN) for n in range(100)]
        text = plain(audit(statuses={AnswerStatus.NXDOMAIN: 5000}, names=names))
        assert "n009.example.com" in text
        assert "n010.example.com" not in text
        assert "  and 4,990 more: see --format json.\n" in text

    def test_none_is_not_mentioned(self) -> None:
        assert "Unresolved" not in plain(clear())
