"""Long work in steps, run at once."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from lowatch.core.steps import result_of


def test_every_step_is_run_and_the_result_returned() -> None:
    done = []

    def work() -> Generator[int, None, str]:
        for number in range(3):
            done.append(number)
            yield number
        return "result"

    assert result_of(work()) == "result"
    assert done == [0, 1, 2]


def test_an_error_ends_it() -> None:
    def work() -> Generator[None, None, None]:
        yield
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        result_of(work())
