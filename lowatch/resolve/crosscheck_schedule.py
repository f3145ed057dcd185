"""Whom to ask getaddrinfo about next: pure, and cheap for 100,000 names.

    who                                            how often
    leads into local addresses, in any view        every 60 s, at once at first
    was asked about, and its answer is another now at once
    has just come to disagree                      again after 15 s, then every 60 s
    all the others                                 one a second at most, round and round

Never more than ten a second: of more than 600 names that lead here, each waits a little longer.
SRV names are left out: getaddrinfo knows of no such.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterator
from itertools import chain, islice

from lowatch.core.policy import is_service_name

CLOSE_EVERY = 60.0
DOUBTFUL_AFTER = 15.0
OTHERS_EVERY = 1.0
AT_MOST_EVERY = 0.1
_LOOKED_THROUGH = 100
"""Names at a time, in search of one whose turn it is."""


class CrossCheckSchedule:
    """Times are monotonic seconds. phase: from [0, 1), where in the round to begin: not all hosts alike."""

    def __init__(self, domains: Collection[str] = (), phase: float = 0.0) -> None:
        self._close: set[str] = set()
        # By name, when it is due. All who enter a queue wait equally long, so each is in order of time.
        self._due_close: OrderedDict[str, float] = OrderedDict()
        self._due_doubtful: OrderedDict[str, float] = OrderedDict()
        self._due_other: float | None = None
        self._free_at = 0.0
        self.replace_domains(domains, phase)

    @property
    def close(self) -> Collection[str]:
        """The names that are watched closely."""
        return self._close

    def replace_domains(self, domains: Collection[str], phase: float = 0.0) -> None:
        """Ask about these from now on. domains: kept, for nobody to change."""
        self._domains = domains
        self._start = int(phase * len(domains))
        self._round = self._new_round()
        for queue in (self._due_close, self._due_doubtful):
            for name in [name for name in queue if name not in domains]:
                del queue[name]
        self._close = {name for name in self._close if name in domains}

    def watch_closely(self, names: Collection[str], now: float) -> None:
        """These from now on, and no others. Those that are new are due at once."""
        for name in self._close.difference(names):
            self._close.discard(name)
            self._due_close.pop(name, None)
        for name in names:
            self.watch_also(name, now)

    def watch_also(self, name: str, now: float) -> None:
        if name in self._close or name not in self._domains or is_service_name(name):
            return
        self._close.add(name)
        self.ask_soon(name, now)

    def ask_soon(self, name: str, now: float) -> None:
        """What was seen of it may be old."""
        if name in self._domains:
            self._due_doubtful.pop(name, None)
            self._due_close[name] = now
            self._due_close.move_to_end(name, last=False)

    def due(self) -> float:
        """When next() has a name; infinity where none ever will."""
        other = (self._due_other or 0.0) if self._domains else float("inf")
        return max(self._free_at, min(other, _head(self._due_close), _head(self._due_doubtful)))

    def next(self, now: float) -> str | None:
        """The name to ask about now, if any is due; asked() is told what came of it."""
        if now < self.due():
            return None
        self._free_at = now + AT_MOST_EVERY
        if self._due_other is None:
            self._due_other = now
        queue = min((self._due_doubtful, self._due_close), key=_head)
        passed_over = now >= self._due_other + OTHERS_EVERY
        if _head(queue) <= now and not passed_over:
            return queue.popitem(last=False)[0]
        name = self._next_other()
        nobody_else = name is None and len(self._domains) <= _LOOKED_THROUGH
        self._due_other = now + (CLOSE_EVERY if nobody_else else OTHERS_EVERY)
        return name

    def _next_other(self) -> str | None:
        for _ in range(_LOOKED_THROUGH):
            name = next(self._round, None)
            if name is None:
                self._round = self._new_round()
            elif not (self._is_queued(name) or is_service_name(name)):
                return name
        return None

    def _new_round(self) -> Iterator[str]:
        return chain(islice(self._domains, self._start, None), islice(self._domains, self._start))

    def _is_queued(self, name: str) -> bool:
        return name in self._close or name in self._due_doubtful or name in self._due_close

    def asked(self, name: str, now: float, *, newly_doubtful: bool, doubtful: bool) -> None:
        """It was asked about; doubtful: getaddrinfo and the other views did not agree."""
        self._due_close.pop(name, None)
        self._due_doubtful.pop(name, None)
        if name not in self._domains:
            return
        if newly_doubtful:
            self._due_doubtful[name] = now + DOUBTFUL_AFTER
        elif doubtful or name in self._close:
            self._due_close[name] = now + CLOSE_EVERY


def _head(queue: OrderedDict[str, float]) -> float:
    return next(iter(queue.values()), float("inf"))
