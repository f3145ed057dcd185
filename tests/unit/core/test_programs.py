"""Which programs are named for failed connects."""

from __future__ import annotations

from lowatch.core.limits.kernel import REFUSED_PROGRAMS
from lowatch.core.programs import FailedProgram, Program, Programs, together, with_one_more

CURL, AGAIN = Program("curl", 7, "backup.service"), Program("curl", 9, "backup.service")
BY_HAND = Program("curl", 8)


def failed(*some: Program) -> Programs:
    found: Programs = ()
    for one in some:
        found = with_one_more(found, one, 1)
    return found


def test_each_kind_once_with_the_last_pid_and_most_failures_first() -> None:
    assert failed(BY_HAND, CURL, AGAIN) == (FailedProgram(AGAIN, 2), FailedProgram(BY_HAND, 1))
    assert with_one_more(failed(CURL, CURL), BY_HAND, 16)[0] == FailedProgram(BY_HAND, 16)


def test_both_together() -> None:
    assert together(failed(CURL, BY_HAND), failed(AGAIN)) == failed(CURL, BY_HAND, AGAIN)
    assert together(failed(AGAIN), failed(CURL))[0].program == CURL
    assert together((), ()) == ()


def test_the_number_is_limited_and_new_ones_come_in() -> None:
    before = REFUSED_PROGRAMS.times
    many = [Program(f"program {number}", number) for number in range(100)]
    found = failed(*many[:8], *many[:7], *many[8:])
    assert len(found) == REFUSED_PROGRAMS.value
    assert {one.program for one in found} == {*many[:7], many[-1]}, "the rarest goes, not the last"
    assert REFUSED_PROGRAMS.times > before


def test_as_text() -> None:
    assert (str(CURL), str(BY_HAND)) == ("curl in backup.service", "curl")
