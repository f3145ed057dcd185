from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class InlineThreads:
    """Implements files.threads.Threads: everything is done at once, on the loop."""

    async def run_blocking(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return function(*args, **kwargs)

    def start(self, work: Callable[[], None], name: str) -> None:
        work()

    def run_within(self, seconds: float, work: Callable[[], None]) -> None:
        work()
