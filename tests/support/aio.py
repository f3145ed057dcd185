"""Running a coroutine in a test: with a deadline, and nothing left on the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

T = TypeVar("T")


def run_async(coroutine: Coroutine[Any, Any, T], timeout: float = 30.0) -> T:
    """asyncio.run for tests: raises AssertionError where that would wait for ever or be silent.

    That is: not done after `timeout` seconds (shows every task's stack), a task left behind (which
    asyncio.run cancels), an error reported to the loop's exception handler (which only logs it).
    """
    return asyncio.run(settled(coroutine, timeout), debug=False)


def drive(coroutine: Coroutine[Any, Any, T], during: Callable[[], None] = lambda: None) -> T:
    """Run what only ever gives way, without a loop. during: called each time that it does."""
    while True:
        try:
            coroutine.send(None)
        except StopIteration as stop:
            result: T = stop.value
            return result
        during()


async def settled(coroutine: Coroutine[Any, Any, T], timeout: float) -> T:
    reported: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: reported.append(repr(context)))
    stacks = ""

    def remember_stacks() -> None:
        nonlocal stacks
        stacks = _stacks()

    alarm = loop.call_later(timeout * 0.99, remember_stacks)
    deadline = asyncio.timeout(timeout)
    try:
        async with deadline:
            result = await coroutine
    except TimeoutError:
        if deadline.expired():
            raise AssertionError(f"not done after {timeout} s; its tasks were at\n{stacks}") from None
        raise
    finally:
        alarm.cancel()
    left = asyncio.all_tasks() - {asyncio.current_task()}
    if left:
        raise AssertionError(f"tasks left behind: {left}")
    if reported:
        raise AssertionError(f"errors reported to the event loop: {reported}")
    return result


def _stacks() -> str:
    return "\n".join(
        f"{task.get_name()}: {' > '.join(_awaits(task.get_coro()))}" for task in asyncio.all_tasks()
    )


def _awaits(awaited: object) -> Iterator[str]:
    """Where a suspended coroutine waits, and what it waits for, down to the bare future.

    (Task.print_stack shows the outermost frame only.)
    """
    while frame := getattr(awaited, "cr_frame", None):
        yield f"{frame.f_code.co_name} ({frame.f_code.co_filename}:{frame.f_lineno})"
        awaited = getattr(awaited, "cr_await", None)
