"""Confirming connects: which have to be made, and what each endpoint's last one met.

A task of its own makes them beside the audits. An audit uses what they have met so far; what they meet
later marks domains to be observed again.

No event tells when NAT begins or ends to lead somewhere. So each connect is repeated: soon after it met
something new, then every few seconds, and never more than a bounded number a second.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from heapq import heappop, heappush
from itertools import islice
from typing import NamedTuple, Protocol

from lowatch.core.clock import Clock
from lowatch.core.listeners import SILENT, Connect, Endpoint, Listener
from lowatch.core.liveness import Heartbeat

from .ports import ConnectOutcome, ListenerAnswer, Prober

_LASTS = 60.0
"""Seconds for which an outcome is believed, where there were too many to repeat the connect before."""
_SOON, _AT_MOST = 0.5, 4.0
"""Seconds until a connect is repeated: doubled with each that meets the same."""
_REST = 0.25
_REPEATED_AT_ONCE = 25
"""Connects repeated in one go, and seconds between them: 100 a second take 0.6 % of a core."""
_AT_ONCE = 256
"""First connects made in one go. Their domains are observed again before the next ones are made."""
_STUCK_AFTER = 45.0
"""Seconds that one go may take."""


class ConnectListener(Protocol):
    def connects_answered(self) -> None:
        """Some connect met something new: ConfirmingConnects.take_changed() has its endpoint."""


class _Met(NamedTuple):
    """What was met, when, and how long to wait before asking again. Monotonic seconds."""

    outcome: ConnectOutcome
    at: float
    wait: float

    @property
    def due(self) -> float:
        return self.at + self.wait


class ConfirmingConnects:
    """Implements app.ports.LateAnswers."""

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
        """Forget what is wanted, and have every outcome confirmed that is needed.

        probe: whether connects may be made from now on; if not, what was met is forgotten.
        """
        self._probe = probe
        self._believed_since = self._clock.now().monotonic
        self._wanted.clear()
        if not probe:
            self._met.clear()
            self._repeats.clear()

    def heartbeat(self) -> Heartbeat:
        """Connects are made where some are wanted."""
        return Heartbeat("connects", bool(self._wanted or self._under_way), self._made, _STUCK_AFTER)

    # For the audit.

    def request(self, endpoints: Iterable[Endpoint]) -> None:
        """Connect to these as soon as possible, unless a reload has forbidden it during the audit."""
        if not self._probe:
            return
        self._wanted.update(dict.fromkeys(endpoints))
        self._woken.set()

    @property
    def wanted(self) -> bool:
        """Whether requested connects have no outcome yet."""
        return bool(self._wanted)

    def met_among(self, served: Mapping[Endpoint, ListenerAnswer]) -> dict[Endpoint, ConnectOutcome]:
        """What recent connects to these endpoints met; none where a socket is there now."""
        oldest = max(self._clock.now().monotonic - _LASTS, self._believed_since)
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

    def last_outcome(self, endpoint: Endpoint) -> ConnectOutcome:
        """What the last connect met, however long ago; PENDING where there was none."""
        met = self._met.get(endpoint)
        return Connect.PENDING if met is None else met.outcome

    def replace_endpoints_of(self, domain: str, endpoints: Sequence[Endpoint]) -> None:
        """The domain's verdicts depend on what connects to these endpoints meet, and on no others."""
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
        """The endpoints where connects have met something new since this was last called."""
        changed, self._changed = self._changed, set()
        return changed

    # Making them.

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
            due, now = self.due, self._clock.now().monotonic
            if due is not None and due <= now:
                return
            self._woken.clear()
            try:
                async with asyncio.timeout(None if due is None else due - now):
                    await self._woken.wait()
            except TimeoutError:
                return

    async def make_wanted(self) -> None:
        """Make the next of those that are wanted."""
        await self._make(list(islice(self._wanted, _AT_ONCE)))

    async def make_all_wanted(self) -> None:
        """Make those that are wanted now, all in one go: while one waits for its answer, so do others."""
        await self._make(list(self._wanted))

    async def _make(self, endpoints: Sequence[Endpoint]) -> None:
        await self._connect(endpoints)
        for endpoint in endpoints:
            self._wanted.pop(endpoint, None)

    @property
    def due(self) -> float | None:
        """When make_due() has something to do, in monotonic seconds; None: there is nothing to repeat."""
        while self._repeats and not self._is_valid(*self._repeats[0]):
            heappop(self._repeats)
        return max(self._repeats[0][0], self._rested + _REST) if self._repeats else None

    def _is_valid(self, due: float, endpoint: Endpoint) -> bool:
        """Whether the endpoint's connect is still to be repeated at that time."""
        met = self._met.get(endpoint)
        return met is not None and met.due == due

    async def make_due(self) -> None:
        """Repeat connects where it is time, the longest due first, and forget those that nothing needs."""
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
        """Connect again to those whose last connect is older. Of all endpoints, those not refused.

        newer_than: monotonic seconds. loopback_up: if not, silence is as good as a refusal (judge_port()).
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
        """Note what a connect met.

        PENDING casts doubt on a refusal, and on nothing else: its outcome comes later. Where connects may
        not be made any more, those that were under way are ignored, or they would be repeated.
        """
        if not self._probe:
            return
        known = self._met.get(endpoint)
        before = Connect.PENDING if known is None else known.outcome  # as observations have it
        pending = outcome is Connect.PENDING
        if pending and before is not Connect.REFUSED:
            outcome = before
        is_new = outcome != before
        wait = _AT_MOST if pending else _SOON if known is None or is_new else min(_AT_MOST, 2 * known.wait)
        met = _Met(outcome, self._clock.now().monotonic, wait)
        self._met[endpoint] = met
        heappush(self._repeats, (met.due, endpoint))
        if is_new:
            self._changed.add(endpoint)
            self._is_news_pending = True
            self._woken.set()
