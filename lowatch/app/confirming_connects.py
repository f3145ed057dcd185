"""Confirming connects: which have to be made, and the last outcome for each endpoint.

A task of its own makes them, concurrently with the audits. An audit uses the outcomes so far, and later
outcomes mark domains to be observed again.

No event reports that NAT has started or stopped to redirect an endpoint. So each connect is repeated: soon
after a new outcome, then every few seconds, and up to a maximum rate.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from heapq import heappop, heappush
from itertools import islice
from typing import NamedTuple, Protocol

from lowatch.core.clock import Clock
from lowatch.core.listeners import SILENT, Connect, ConnectOutcome, Endpoint, Listener
from lowatch.core.liveness import Heartbeat

from .ports import ListenerAnswer, Prober

_LASTS = 60.0
"""Seconds for which an outcome is valid, if there are too many connects to repeat it sooner."""
_SOON, _AT_MOST = 0.5, 4.0
"""Seconds until a connect is repeated: doubled each time the outcome is the same."""
_REST = 0.25
_REPEATED_AT_ONCE = 25
"""Connects repeated per batch, and seconds between batches: 100 per second take 0.6 % of a core."""
_AT_ONCE = 256
"""First connects per batch. Their domains are observed again before the next batch."""
_STUCK_AFTER = 45.0
"""Seconds that a batch may take."""


class ConnectListener(Protocol):
    def connects_answered(self) -> None:
        """A connect has a new outcome: ConfirmingConnects.take_changed() returns its endpoint."""


class _Met(NamedTuple):
    """The outcome of a connect, its time, and how long to wait before the next. Monotonic seconds."""

    outcome: ConnectOutcome
    at: float
    wait: float

    @property
    def due(self) -> float:
        return self.at + self.wait


async def is_due(due: float | None, woken: asyncio.Event, clock: Clock) -> bool:
    """Wait until it is due, and return True; False once the event comes first, after which ask again.

    due: monotonic seconds; None if nothing is. woken: set when that, or anything else, may have changed.
    """
    now = clock.now().monotonic
    if due is not None and due <= now:
        return True
    woken.clear()
    try:
        async with asyncio.timeout(None if due is None else due - now):
            await woken.wait()
    except TimeoutError:
        return True
    return False


class ConfirmingConnects:
    """Implements core.listeners.LateAnswers."""

    def __init__(self, prober: Prober, clock: Clock) -> None:
        self._prober = prober
        self._clock = clock
        self._probe = True
        self._believed_since = float("-inf")
        """Monotonic seconds: an outcome that was met before is used only until there is another."""
        self._met: dict[Endpoint, _Met] = {}
        self._wanted: dict[Endpoint, None] = {}
        """To be connected to as soon as possible, in this order."""
        self._repeats: list[tuple[float, Endpoint]] = []
        """A heap: when to connect again."""
        self._rested = float("-inf")
        self._endpoints_of: dict[str, tuple[Endpoint, ...]] = {}
        self._users: Counter[Endpoint] = Counter()
        """How many domains' verdicts depend on the endpoint's connect."""
        self._changed: set[Endpoint] = set()
        self._is_news_pending = False
        self._woken = asyncio.Event()
        self._under_way = 0
        self._made = 0

    def invalidate(self, *, probe: bool = True) -> None:
        """Drop the requests, and confirm every needed outcome again.

        probe: whether connects may be made from now on; if not, all outcomes are dropped.
        """
        self._probe = probe
        self._believed_since = self._clock.now().monotonic
        self._wanted.clear()
        if not probe:
            self._met.clear()
            self._repeats.clear()

    def heartbeat(self) -> Heartbeat:
        """Progress is that wanted connects are made."""
        return Heartbeat("connects", bool(self._wanted or self._under_way), self._made, _STUCK_AFTER)

    # For the audit.

    def request(self, endpoints: Iterable[Endpoint]) -> None:
        """Connect to these as soon as possible, unless a reload has disabled it during the audit."""
        if not self._probe:
            return
        self._wanted.update(dict.fromkeys(endpoints))
        self._woken.set()

    @property
    def wanted(self) -> bool:
        """Whether requested connects have no outcome yet."""
        return bool(self._wanted)

    def met_among(self, served: Mapping[Endpoint, ListenerAnswer]) -> dict[Endpoint, ConnectOutcome]:
        """The outcomes of recent connects to these endpoints, without those that have a listener now."""
        oldest = self._oldest_valid(self._clock.now().monotonic)
        found = {}
        for endpoint, listener in served.items() if self._met else ():
            met = self._met.get(endpoint)
            if met is None:
                continue
            if isinstance(listener, Listener):
                del self._met[endpoint]
            elif met.at > oldest:
                found[endpoint] = met.outcome
        return found

    def _oldest_valid(self, now: float) -> float:
        """Outcomes up to this time are too old for met_among(). Both in monotonic seconds."""
        return max(now - _LASTS, self._believed_since)

    def last_outcome(self, endpoint: Endpoint) -> ConnectOutcome:
        """The outcome of the last connect, of any age; PENDING if there was none."""
        met = self._met.get(endpoint)
        return Connect.PENDING if met is None else met.outcome

    def replace_endpoints_of(self, domain: str, endpoints: Sequence[Endpoint]) -> None:
        """Set the endpoints on whose connects the domain's verdicts depend."""
        before = self._endpoints_of.pop(domain, ())
        if endpoints:
            self._endpoints_of[domain] = tuple(endpoints)
        self._users.update(endpoints)
        for endpoint in before:
            self._users[endpoint] -= 1
            if not self._users[endpoint]:
                del self._users[endpoint]

    @property
    def has_changed(self) -> bool:
        """Whether take_changed() has something to return."""
        return bool(self._changed)

    def take_changed(self) -> set[Endpoint]:
        """The endpoints with a new outcome since the last call."""
        changed, self._changed = self._changed, set()
        return changed

    # Connecting.

    async def run(self, listener: ConnectListener) -> None:
        """Make connects when they are wanted or due, until cancelled."""
        while True:
            await self._until_due()
            await self.make_wanted()
            await self.make_due()
            if self._is_news_pending:
                self._is_news_pending = False
                listener.connects_answered()

    async def _until_due(self) -> None:
        while not (self._wanted or self._is_news_pending):
            if await is_due(self.due, self._woken, self._clock):
                return

    async def make_wanted(self) -> None:
        """Make the next batch of wanted connects."""
        await self._make(list(islice(self._wanted, _AT_ONCE)))

    async def make_all_wanted(self) -> None:
        """Make all wanted connects at once: they wait for their outcomes together."""
        await self._make(list(self._wanted))

    async def _make(self, endpoints: Sequence[Endpoint]) -> None:
        await self._connect(endpoints)
        for endpoint in endpoints:
            self._wanted.pop(endpoint, None)

    @property
    def due(self) -> float | None:
        """When make_due() has something to do, in monotonic seconds; None if there is nothing to repeat."""
        while self._repeats and not self._is_valid(*self._repeats[0]):
            heappop(self._repeats)
        return max(self._repeats[0][0], self._rested + _REST) if self._repeats else None

    def _is_valid(self, due: float, endpoint: Endpoint) -> bool:
        """Whether the endpoint's connect is still due at that time."""
        met = self._met.get(endpoint)
        return met is not None and met.due == due

    async def make_due(self) -> None:
        """Repeat the connects that are due, the longest due first, and forget those no longer needed."""
        due = self.due
        now = self._clock.now().monotonic
        if due is None or due > now:
            return
        endpoints: dict[Endpoint, None] = {}
        while self._repeats and self._repeats[0][0] <= now and len(endpoints) < _REPEATED_AT_ONCE:
            when, endpoint = heappop(self._repeats)
            if not self._is_valid(when, endpoint):
                continue
            if endpoint in self._users:
                endpoints[endpoint] = None
            else:
                del self._met[endpoint]
        self._rested = now
        await self._connect(list(endpoints))

    async def confirm(
        self, endpoints: Sequence[Endpoint], newer_than: float, *, loopback_up: bool = True
    ) -> list[Endpoint]:
        """Connect again to those whose last connect is older. Returns the endpoints that were not refused.

        newer_than: monotonic seconds. loopback_up: if not, a timeout counts as a refusal (judge_port()).
        """
        newer_than = max(newer_than, self._believed_since)
        await self._connect(
            [one for one in endpoints if one not in self._met or self._met[one].at < newer_than]
        )
        confirming = {Connect.REFUSED} if loopback_up else {Connect.REFUSED, *SILENT}
        refuted = [one for one in endpoints if self.last_outcome(one) not in confirming]
        self._changed.update(refuted)
        return refuted

    async def _connect(self, endpoints: Sequence[Endpoint]) -> None:
        if not endpoints:
            return
        self._under_way += 1
        try:
            outcomes = await self._prober.connect(endpoints, self)
        finally:
            self._under_way -= 1
        self._made += 1
        for endpoint, outcome in zip(endpoints, outcomes, strict=True):
            self._learn(endpoint, outcome)

    def connect_answered(self, endpoint: Endpoint, outcome: ConnectOutcome) -> None:
        """A connect that was PENDING has an outcome."""
        self._learn(endpoint, outcome)

    def _learn(self, endpoint: Endpoint, outcome: ConnectOutcome) -> None:
        """Note the outcome of a connect.

        PENDING replaces only a refusal, because the outcome follows. One that is the same after the last
        was no longer valid is news all the same: a domain observed in between lacks it. If connects have
        been disabled, those under way are ignored, or they would be repeated.
        """
        if not self._probe:
            return
        known = self._met.get(endpoint)
        before = Connect.PENDING if known is None else known.outcome  # as in observations
        pending = outcome is Connect.PENDING
        if pending and before is not Connect.REFUSED:
            outcome = before
        is_new = outcome != before
        wait = _AT_MOST if pending else _SOON if known is None or is_new else min(_AT_MOST, 2 * known.wait)
        now = self._clock.now().monotonic
        was_expired = known is not None and known.at <= self._oldest_valid(now) < now
        met = _Met(outcome, now, wait)
        self._met[endpoint] = met
        heappush(self._repeats, (met.due, endpoint))
        if is_new or was_expired:
            self._changed.add(endpoint)
            self._is_news_pending = True
            self._woken.set()
