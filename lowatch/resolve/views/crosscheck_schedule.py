"""Which name to look up with getaddrinfo next, and when. Pure, and cheap for 100,000 names.

    names                                            when
    whose answer changed, or all if a file changed   soon, those with a local address first, on an allowance
    that have just started to disagree or to fail    after 3 s, on the same allowance
    that still disagree or fail                      in turn, on a budget shared by all names
    with a local address                             in turn, on the same budget
    all                                              in turn, on the same budget

Each of the last three is looked up at most once a minute. If the result follows from the files and DNS
(`follows`), a lookup only verifies, and once an hour is enough. A changed file refills the allowance.
SRV names are left out, because getaddrinfo does not know them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator
from itertools import chain, islice

from lowatch.core.policy import is_srv_name

BUDGET = 0.0001
"""Share of a core for lookups in turn. Changes get as much again, saved up to ALLOWANCE."""
ALLOWANCE = 6.0
"""Seconds of CPU time that a changed file may cost: a tenth of a core for the minute after it."""
SHARE_OF_CHANGES = 0.1
"""Share of a core for changes, for as long as the allowance lasts."""
CHANGES_EVERY = 0.04
"""Seconds between two lookups: 1,000 names take 40 s, with 50 queries per second."""
OTHERS_EVERY = 1.0
UNVERIFIED_AFTER = 3.0
ROUND_EVERY = 60.0
VERIFIED_EVERY = 3600.0

_LOOKED_THROUGH = 100
"""How many names next() examines at a time."""
_NEVER = float("inf")


class CrossCheckSchedule:
    """Times are monotonic seconds, costs seconds of CPU time.

    phase: where in the round to start, from [0, 1), so that hosts start at different names.
    """

    def __init__(self, domains: Collection[str] = (), phase: float = 0.0) -> None:
        self.follows = False
        """Whether /etc/hosts and DNS determine what getaddrinfo returns for a name."""
        self._extra: Collection[str] = ()
        self._here_names: set[str] = set()
        self._changed: OrderedDict[str, None] = OrderedDict()
        # When each name is due. All names in a queue wait equally long, so it is sorted by time.
        self._again_soon: OrderedDict[str, float] = OrderedDict()
        self._again: OrderedDict[str, float] = OrderedDict()
        self._turns = [self._next_again, self._next_here, self._next_of_all]
        self._allowance, self._filled_at = ALLOWANCE, 0.0
        self._changes_at = self._others_at = 0.0
        self._of_changes = False
        self.replace_domains(domains, phase)

    @property
    def here(self) -> Collection[str]:
        """The names with a local address."""
        return self._here_names

    def replace_domains(self, domains: Collection[str], phase: float = 0.0) -> None:
        """Look these up from now on. domains: not copied, so the caller must not change them."""
        self._domains = domains
        self._here = _Round(lambda: list(self._here_names))
        self._all = _Round(self._all_names, int(phase * len(domains)))
        self._flush = _Round(self._all_names, due=_NEVER)
        for queue in (self._changed, self._again_soon, self._again):
            for name in [name for name in queue if not self._is_included(name)]:
                del queue[name]
        self._here_names = {name for name in self._here_names if self._is_included(name)}

    def also(self, names: Collection[str]) -> None:
        """Look these up too: a few names that are not domains."""
        self._extra = names

    # Changes to names.

    def lead_here(self, names: Collection[str]) -> None:
        """Set the names with a local address. Those that are new count as changed."""
        for name in self._here_names.difference(names):
            self._here_names.discard(name)
            self._changed.pop(name, None)
        for name in names:
            if name not in self._here_names:
                self.leads_here(name)

    def leads_here(self, name: str) -> None:
        if name not in self._here_names and self._is_included(name):
            self._here_names.add(name)
            self.ask_soon(name)

    def ask_soon(self, name: str) -> None:
        """The name changed, so its last result may be outdated."""
        if self._is_included(name):
            self._changed[name] = None

    def has_changed(self, name: str) -> bool:
        """Whether the name changed since next() returned it."""
        return name in self._changed

    def ask_all_soon(self, now: float) -> None:
        """A file that affects all names changed. Unverified names and local ones come first."""
        self._allowance, self._filled_at = ALLOWANCE, now
        self._changed.update(dict.fromkeys(chain(self._again_soon, self._again, self._here_names)))
        self._flush.begin_at(_NEVER if self.follows else now)
        self._here.begin_at(now)
        self._all.begin_at(now)

    def replace_follows(self, now: float, *, follows: bool) -> None:
        """Set whether the files and DNS determine the results. If that changes, all names are due soon."""
        if follows != self.follows:
            self.follows = follows
            self.ask_all_soon(now)

    # The next name.

    def due(self) -> float:
        """When next() should be called again; infinity if there is no name."""
        if not self._domains:
            return _NEVER
        changes = 0.0 if self._changed else min(_head(self._again_soon), self._flush.due)
        others = min(_head(self._again), self._here.due, self._all.due)
        return min(max(changes, self._changes_at), max(others, self._others_at))

    def next(self, now: float) -> str | None:
        """The name to look up now, if one is due. record_lookup() takes the result."""
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

    def record_lookup(
        self, name: str, now: float, cost: float, *, newly_unverified: bool, unverified: bool
    ) -> None:
        """The name was looked up. unverified: getaddrinfo failed, or disagreed with the other views."""
        self._pay(now, cost)
        self._changed.pop(name, None)
        self._again_soon.pop(name, None)
        self._again.pop(name, None)
        if not self._is_included(name):
            return
        if newly_unverified:
            self._again_soon[name] = now + UNVERIFIED_AFTER
        elif unverified:
            self._again[name] = now + ROUND_EVERY

    def record_early_lookup(self, now: float, cost: float) -> None:
        """A name was looked up that has_changed(): it stays due."""
        self._pay(now, cost)

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
        return self._here.next(now, self._period, self._here_names.__contains__)

    def _next_of_all(self, now: float) -> str | None:
        return self._all.next(now, self._period, self._is_other)

    @property
    def _period(self) -> float:
        return VERIFIED_EVERY if self.follows else ROUND_EVERY

    def _is_other(self, name: str) -> bool:
        return not (name in self._here_names or name in self._again or is_srv_name(name))

    def _is_included(self, name: str) -> bool:
        return (name in self._domains or name in self._extra) and not is_srv_name(name)

    def _all_names(self) -> Collection[str]:
        return [*self._domains, *self._extra] if self._extra else self._domains


class _Round:
    """Goes through some names from `start` on, and again when the period is over.

    names: called when a round begins. due: when next() should be called.
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
        """The next name that is wanted; None if there is none among the next _LOOKED_THROUGH."""
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
