"""A queue for each name, served in turn, so that a name with many items does not delay the others."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import Generic, TypeVar

T = TypeVar("T")


class FairQueue(Generic[T]):
    """name_of: whose queue an item waits in; None is a name like any other.

    A name that had no waiting items is served next, so a name with few items does not wait for the rest.
    """

    def __init__(self, name_of: Callable[[T], str | None]) -> None:
        self._name_of = name_of
        self._queues: OrderedDict[str | None, deque[T]] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._queues)

    def __iter__(self) -> Iterator[T]:
        """All waiting items; those of one name are in order."""
        return chain.from_iterable(self._queues.values())

    def extend(self, items: Iterable[T]) -> None:
        for item in items:
            name = self._name_of(item)
            queue = self._queues.get(name)
            if queue is None:
                queue = self._queues[name] = deque()
                self._queues.move_to_end(name, last=False)
            queue.append(item)

    def pop(self) -> T:
        """Remove and return the first item of the name whose turn it is. Then another name has its turn.

        Raises IndexError when empty.
        """
        if not self._queues:
            raise IndexError("pop from an empty queue")
        name, queue = next(iter(self._queues.items()))
        item = queue.popleft()
        if queue:
            self._queues.move_to_end(name)
        else:
            del self._queues[name]
        return item


def fewest_first(items: Iterable[T], name_of: Callable[[T], str | None], count: int) -> list[T]:
    """At most `count` of the items, beginning with the names that have the fewest."""
    of_name: dict[str | None, list[T]] = {}
    for item in items:
        of_name.setdefault(name_of(item), []).append(item)
    queues = list(of_name.values())
    queues.sort(key=len)
    return list(islice(chain.from_iterable(queues), count))
