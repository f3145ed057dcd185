"""Which name to ask getaddrinfo about next, and when: pure, and cheap for 100,000 names.

    who                                          when
    what changed: a name's answer, a file        soon, names that lead here first, from an allowance
    what has just come to disagree, or to fail   after 3 s, likewise
    what still does; those that lead here; all   by turns, from a budget for all names together

Each of the last three is asked about once a minute at most; where what getaddrinfo says follows from what
is known (`follows`), once an hour, for asking only verifies. A file that changes fills the allowance.
SRV names are left out: getaddrinfo knows of no such.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator
from itertools import chain, islice

from lowatch.core.policy import is_srv_name

BUDGET = 0.0001
"""Of a core, for what goes by turns; as much again for changes, saved up to ALLOWANCE."""
ALLOWANCE = 6.0
"""Seconds of CPU time that a changed file may cost: a tenth of a core for the minute after it."""
SHARE_OF_CHANGES = 0.1
"""Of a core, for as long as the allowance lasts."""
CHANGES_EVERY = 0.04
"""Seconds between two lookups: 1,000 names take 40 s, and their nameservers get 50 queries a second."""
OTHERS_EVERY = 1.0
DOUBTFUL_AFTER = 3.0
ROUND_EVERY = 60.0
VERIFIED_EVERY = 3600.0

_LOOKED_THROUGH = 100
"""Names at a time, in search of one whose turn it is."""
_NEVER = float("inf")


class CrossCheckSchedule:
    """Times are monotonic seconds, costs seconds of CPU time.

    phase: from [0, 1), where in the round to begin: not all hosts alike.
    """

    def __init__(self, domains: Collection[str] = (), phase: float = 0.0) -> None:
        self.follows = False
        """Whether what getaddrinfo says of a name follows from /etc/hosts and DNS."""
        self._beside: Collection[str] = ()
        self._close: set[str] = set()
        self._changed: OrderedDict[str, None] = OrderedDict()
        # By name, when it is due. All who enter a queue wait equally long, so each is in order of time.
        self._again_soon: OrderedDict[str, float] = OrderedDict()
        self._again: OrderedDict[str, float] = OrderedDict()
        self._turns = [self._next_again, self._next_here, self._next_of_all]
        self._allowance, self._filled_at = ALLOWANCE, 0.0
        self._changes_at = self._others_at = 0.0
        self._of_changes = False
        self.replace_domains(domains, phase)

    @property
    def close(self) -> Collection[str]:
        """The names that lead here."""
        return self._close

    def replace_domains(self, domains: Collection[str], phase: float = 0.0) -> None:
        """Ask about these from now on. domains: kept, for nobody to change."""
        self._domains = domains
        self._here = _Round(lambda: list(self._close))
        self._all = _Round(self._everybody, int(phase * len(domains)))
        self._flush = _Round(self._everybody, due=_NEVER)
        for queue in (self._changed, self._again_soon, self._again):
            for name in [name for name in queue if not self._is_asked_about(name)]:
                del queue[name]
        self._close = {name for name in self._close if self._is_asked_about(name)}

    def also(self, names: Collection[str]) -> None:
        """Ask about these, too: few, that are no domains themselves."""
        self._beside = names

    # What happens to the names.

    def lead_here(self, names: Collection[str]) -> None:
        """These do from now on, and no others. Those that did not before have changed."""
        for name in self._close.difference(names):
            self._close.discard(name)
            self._changed.pop(name, None)
        for name in names:
            if name not in self._close:
                self.leads_here(name)

    def leads_here(self, name: str) -> None:
        if name not in self._close and self._is_asked_about(name):
            self._close.add(name)
            self.ask_soon(name)

    def ask_soon(self, name: str) -> None:
        """It changed: what was seen of it may be old."""
        if self._is_asked_about(name):
            self._changed[name] = None

    def ask_all_soon(self, now: float) -> None:
        """A file changed that decides for all: first what is doubtful, and what leads here."""
        self._allowance, self._filled_at = ALLOWANCE, now
        self._changed.update(dict.fromkeys(chain(self._again_soon, self._again, self._close)))
        self._flush.begin_at(_NEVER if self.follows else now)
        self._here.begin_at(now)
        self._all.begin_at(now)

    # Who is next.

    def due(self) -> float:
        """When next() has a name, or has to look for one; infinity where none ever will be."""
        if not self._domains:
            return _NEVER
        changes = 0.0 if self._changed else min(_head(self._again_soon), self._flush.due)
        others = min(_head(self._again), self._here.due, self._all.due)
        return min(max(changes, self._changes_at), max(others, self._others_at))

    def next(self, now: float) -> str | None:
        """The name to ask about now, if any is due; asked() takes the result."""
        if now >= self._changes_at:
            self._changes_at = now + CHANGES_EVERY
            self._of_changes = True
            if (name := self._next_change(now)) is not None:
                return name
        if now >= self._others_at:
            self._others_at = now + OTHERS_EVERY
            self._of_changes = False
            self._turns.append(self._turns.pop(0))
            return next((name for turn in self._turns if (name := turn(now)) is not None), None)
        return None

    def asked(self, name: str, now: float, cost: float, *, newly_doubtful: bool, doubtful: bool) -> None:
        """It was asked about; doubtful: getaddrinfo failed, or said otherwise than the other views."""
        self._pay(now, cost)
        self._changed.pop(name, None)
        self._again_soon.pop(name, None)
        self._again.pop(name, None)
        if not self._is_asked_about(name):
            return
        if newly_doubtful:
            self._again_soon[name] = now + DOUBTFUL_AFTER
        elif doubtful:
            self._again[name] = now + ROUND_EVERY

    def _pay(self, now: float, cost: float) -> None:
        if not self._of_changes:
            self._others_at = now + max(OTHERS_EVERY, cost / BUDGET)
            return
        saved = min(ALLOWANCE, self._allowance + (now - self._filled_at) * BUDGET)
        self._allowance, self._filled_at = saved - cost, now
        overdrawn = -self._allowance / BUDGET
        self._changes_at = now + max(CHANGES_EVERY, cost / SHARE_OF_CHANGES, overdrawn)

    def _next_change(self, now: float) -> str | None:
        if self._changed:
            return self._changed.popitem(last=False)[0]
        if _head(self._again_soon) <= now:
            return self._again_soon.popitem(last=False)[0]
        return self._flush.next(now, _NEVER, self._is_other)

    def _next_again(self, now: float) -> str | None:
        return self._again.popitem(last=False)[0] if _head(self._again) <= now else None

    def _next_here(self, now: float) -> str | None:
        return self._here.next(now, self._period, self._close.__contains__)

    def _next_of_all(self, now: float) -> str | None:
        return self._all.next(now, self._period, self._is_other)

    @property
    def _period(self) -> float:
        return VERIFIED_EVERY if self.follows else ROUND_EVERY

    def _is_other(self, name: str) -> bool:
        return not (name in self._close or name in self._again or is_srv_name(name))

    def _is_asked_about(self, name: str) -> bool:
        return (name in self._domains or name in self._beside) and not is_srv_name(name)

    def _everybody(self) -> Collection[str]:
        return [*self._domains, *self._beside] if self._beside else self._domains


class _Round:
    """Goes through some names, from `start` on, and again once the period is over.

    names: asked for when a round begins. due: when there is a name, or one has to be looked for.
    """

    def __init__(self, names: Callable[[], Collection[str]], start: int = 0, due: float = 0.0) -> None:
        self._names = names
        self._start = start
        self._left: Iterator[str] | None = None
        self._began = 0.0
        self.due = due

    def begin_at(self, due: float) -> None:
        self._left, self.due = None, due

    def next(self, now: float, period: float, wanted: Callable[[str], bool]) -> str | None:
        """One of the wanted; None where there is none among the next hundred."""
        if now < self.due:
            return None
        if self._left is None:
            names, self._began = self._names(), now
            self._left = chain(islice(names, self._start, None), islice(names, self._start))
        for _ in range(_LOOKED_THROUGH):
            name = next(self._left, None)
            if name is None:
                self._left, self.due = None, self._began + period
                return None
            if wanted(name):
                return name
        return None


def _head(queue: OrderedDict[str, float]) -> float:
    return next(iter(queue.values()), _NEVER)
