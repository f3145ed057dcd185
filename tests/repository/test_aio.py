"""run_async fails where asyncio.run would be silent."""

import asyncio

import pytest

from tests.support.aio import run_async


async def forty_two() -> int:
    await asyncio.sleep(0)
    return 42


async def for_ever() -> None:
    await asyncio.Event().wait()


def test_gives_the_result() -> None:
    assert run_async(forty_two()) == 42


def test_a_deadline_shows_where_the_tasks_were() -> None:
    with pytest.raises(AssertionError, match=r"(?s)not done after 0\.05 s.*> for_ever .*> wait "):
        run_async(for_ever(), timeout=0.05)


def test_its_own_timeout_error_is_passed_on() -> None:
    async def times_out() -> None:
        async with asyncio.timeout(0):
            await for_ever()

    with pytest.raises(TimeoutError):
        run_async(times_out())


def test_a_task_left_behind_fails() -> None:
    async def leaves_a_task() -> None:
        asyncio.get_running_loop().create_task(for_ever())

    with pytest.raises(AssertionError, match="tasks left behind"):
        run_async(leaves_a_task())


def test_an_error_in_a_callback_fails() -> None:
    async def breaks_a_callback() -> None:
        asyncio.get_running_loop().call_soon(lambda: 1 // 0)
        await asyncio.sleep(0)

    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        run_async(breaks_a_callback())
