"""Which files are being written: by how they stood at each look."""

from __future__ import annotations

from pathlib import Path

from lowatch.app.settling_files import SETTLED_AFTER, TAKEN_AFTER, Settling
from lowatch.files.fingerprint import Stamp

A, B = Path("/names.d/a"), Path("/names.d/b")


def stamp(size: int) -> Stamp:
    return Stamp(1, 1, size, 0, 0)


def test_what_is_there_from_the_beginning_has_settled() -> None:
    assert Settling().look(((A, stamp(1)), (B, None)), 0.0) == frozenset()


def test_one_that_changes_has_settled_when_it_stayed_as_it_is() -> None:
    settling = Settling()
    settling.look(((A, stamp(1)), (B, stamp(1))), 0.0)
    assert settling.look(((A, stamp(2)), (B, stamp(1))), 1.0) == {A}
    assert settling.look(((A, stamp(3)), (B, stamp(1))), 2.0) == {A}
    assert settling.look(((A, stamp(3)), (B, stamp(1))), 2.0 + SETTLED_AFTER / 2) == {A}
    assert settling.look(((A, stamp(3)), (B, stamp(1))), 2.0 + SETTLED_AFTER) == frozenset()


def test_one_that_comes_is_being_written_and_one_that_goes_is_not() -> None:
    settling = Settling()
    settling.look(((A, stamp(1)),), 0.0)
    assert settling.look(((A, stamp(1)), (B, stamp(0))), 1.0) == {B}
    assert settling.look(((A, stamp(1)),), 2.0) == frozenset()


def test_one_that_never_settles_is_taken_at_its_word_in_the_end() -> None:
    settling = Settling()
    settling.look(((A, stamp(0)),), 0.0)
    restless = [second for second in range(1, 100) if settling.look(((A, stamp(second)),), float(second))]
    assert restless == list(range(1, 1 + int(TAKEN_AFTER)))


def test_one_that_settled_has_all_its_time_again() -> None:
    settling = Settling()
    for second in range(5):
        settling.look(((A, stamp(second)),), float(second))
    assert settling.look(((A, stamp(4)),), 5.0) == frozenset()
    assert settling.look(((A, stamp(9)),), 1000.0) == {A}
    assert settling.look(((A, stamp(10)),), 1000.0 + TAKEN_AFTER - 1) == {A}
