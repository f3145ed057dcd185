"""What waits, a queue for each name: they have their turn one after the other, however many one has.

A name of which nothing waited has its turn next: whoever seldom says something is not kept waiting.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import Generic, TypeVar

T = TypeVar("T")


class Turns(Generic[T]):
    """name_of: whose queue each waits in; None is a name like another."""

    def __init__(self, name_of: Callable[[T], str | None]) -> None:
        self._name_of = name_of
        self._queues: OrderedDict[str | None, deque[T]] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._queues)

    def __iter__(self) -> Iterator[T]:
        """All that wait, each name's in order; of a moment that is past by then, for another thread."""
        return chain.from_iterable([tuple(queue) for queue in tuple(self._queues.values())])

    def extend(self, items: Iterable[T]) -> None:
        for item in items:
            name = self._name_of(item)
            queue = self._queues.get(name)
            if queue is None:
                queue = self._queues[name] = deque()
                self._queues.move_to_end(name, last=False)
            queue.append(item)

    def first(self) -> T:
        return next(iter(self._queues.values()))[0]

    def pop(self) -> None:
        """Take away what first() gave; the next is another name's, if there is another."""
        name, queue = next(iter(self._queues.items()))
        if len(queue) == 1:
            del self._queues[name]
        else:
            queue.popleft()
            self._queues.move_to_end(name)


def fewest_first(items: Iterable[T], name_of: Callable[[T], str | None], count: int) -> list[T]:
    """`count` of them: all of the names that have fewest come first."""
    of_name: dict[str | None, list[T]] = {}
    for item in items:
        of_name.setdefault(name_of(item), []).append(item)
    queues = list(of_name.values())
    queues.sort(key=len)
    return list(islice(chain.from_iterable(queues), count))
