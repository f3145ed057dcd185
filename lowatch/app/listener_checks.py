"""Half-open connects to listeners: whether they answer local clients.

A socket that is there may be out of reach: a packet filter drops or rejects what is sent to it. No event
reports that. So a listener is asked once when it is first seen, and then rarely; one that does not answer,
every few seconds, after its socket was looked up again. The application does not notice
(kernel/half_open.py).

A full accept queue is silent, too. In a REUSEPORT group the client may have met that of another member than
the look-up finds: then that one is observed in its place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from itertools import islice
from typing import NamedTuple

from lowatch.core.addresses import Address
from lowatch.core.clock import Clock
from lowatch.core.known import Unknown
from lowatch.core.limits.kernel import LISTENERS_CHECKED
from lowatch.core.listeners import Connect, ConnectOutcome, Endpoint, Listener
from lowatch.core.snapshot import DomainObservation, PortObservation

from .confirming_connects import ConnectListener, is_due
from .ports import ListenerAnswer, Prober

_RARELY = 300.0
"""Seconds until a listener that answers is asked again."""
_SOON, _AT_MOST = 0.5, 4.0
"""Seconds until one that does not is: doubled each time."""
_FORGOTTEN_AFTER = 60.0
"""Seconds after which one that is due and was in no observation is forgotten."""
_AT_ONCE = 64
"""Listeners asked at once: 3 ms of the loop."""
_FEW = 8
"""Of so many listeners at once, a first answer is observed although it changes no verdict: `explain` shows
it. Observing hundreds of domains again for it would double the cost of a first audit."""
_REST = 0.25
"""Seconds between batches."""


class _Check(NamedTuple):
    """The answer of the listener with this inode; when to ask again, and the wait until then (seconds).

    full: the member of its REUSEPORT group that has a full accept queue, which explains a silence.
    """

    inode: int
    outcome: ConnectOutcome
    due: float
    wait: float
    full: Listener | None = None


class ListenerChecks:
    """Implements core.listeners.LateAnswers."""

    def __init__(
        self, prober: Prober | None, full_beside: Callable[[Listener, int], ListenerAnswer], clock: Clock
    ) -> None:
        """prober: None if listeners are never asked. full_beside: as in ports.Host."""
        self._prober = prober
        self._full_beside = full_beside
        self._clock = clock
        self._enabled = prober is not None
        self._checks: dict[Endpoint, _Check] = {}
        self._due: dict[Endpoint, float] = {}
        """To be asked when a domain with them is observed next, and since when (monotonic seconds)."""
        self._wanted: dict[Endpoint, Listener] = {}
        self._under_way: dict[Endpoint, Listener] = {}
        self._changed: set[Endpoint] = set()
        self._is_news_pending = self._asked_few = False
        self._rested = float("-inf")
        self._woken = asyncio.Event()

    def invalidate(self, *, probe: bool) -> None:
        """probe: whether listeners may be asked from now on; if not, all answers are dropped."""
        self._enabled = probe and self._prober is not None
        if not self._enabled:
            for kept in (self._checks, self._due, self._wanted, self._under_way, self._changed):
                kept.clear()

    # For the audit.

    def may_concern(self, endpoints: Collection[Endpoint]) -> bool:
        """Whether any of these is asked, or can be: checked() changes nothing if not."""
        return self._enabled and (self._has_room() or not self._checks.keys().isdisjoint(endpoints))

    def checked(self, observed: DomainObservation) -> DomainObservation:
        """The observation, with the answer of each listener that was asked. Requests what is due."""
        if not self._enabled:
            return observed
        local = tuple(
            one if ports == one.ports else one._replace(ports=ports)
            for one in observed.local
            for ports in [tuple([self._with_answer(one.address, port) for port in one.ports])]
        )
        return observed if local == observed.local else observed._replace(local=local)

    def _with_answer(self, address: Address, port: PortObservation) -> PortObservation:
        listener = port.listener
        if not isinstance(listener, Listener) or listener.protocol != "tcp" or not port.way_back:
            return port
        endpoint = Endpoint(address, port.port)
        known = self._checks.get(endpoint)
        if listener.accept_queue_full:
            self._checks.pop(endpoint, None)  # its silence would be that of the queue
            return port
        if known is None or known.inode != listener.inode:
            if known is not None or self._has_room():
                self._request(endpoint, listener)
            return port
        if endpoint in self._due:
            self._request(endpoint, listener)
        return port._replace(connect=known.outcome, listener=known.full or listener)

    def _has_room(self) -> bool:
        if len(self._checks) + len(self._wanted) + len(self._under_way) < LISTENERS_CHECKED.value:
            return True
        LISTENERS_CHECKED.reached()
        return False

    def _request(self, endpoint: Endpoint, listener: Listener) -> None:
        """Ask the listener as soon as possible, unless it is being asked."""
        self._due.pop(endpoint, None)
        if self._under_way.get(endpoint, listener).inode != listener.inode:
            del self._under_way[endpoint]  # the answer will be another one's
        if endpoint in self._under_way:
            return
        self._wanted[endpoint] = listener
        self._woken.set()

    def sweep(self) -> None:
        """Ask again, when their domains are observed next, those that are due."""
        self._mark_due(self._checks)

    def _mark_due(self, checks: Mapping[Endpoint, _Check]) -> None:
        """Have the domains of those that are due observed. Forget those that no domain has any more."""
        now = self._clock.now().monotonic
        for endpoint, check in list(checks.items()):
            if check.due > now:
                continue
            since = self._due.setdefault(endpoint, now)
            if now - since > _FORGOTTEN_AFTER:
                del self._due[endpoint], self._checks[endpoint]
                continue
            self._checks[endpoint] = check._replace(due=now + check.wait)
            self._changed.add(endpoint)
            self._is_news_pending = True

    @property
    def wanted(self) -> bool:
        """Whether listeners are to be asked that have not been."""
        return bool(self._wanted)

    @property
    def has_changed(self) -> bool:
        """Whether take_changed() has something to return."""
        return bool(self._changed)

    def take_changed(self) -> set[Endpoint]:
        """The endpoints whose domains are to be observed again, since the last call."""
        changed, self._changed = self._changed, set()
        return changed

    # Asking.

    async def run(self, listener: ConnectListener) -> None:
        """Ask listeners when they are wanted or due, until cancelled."""
        while True:
            await self._until_due()
            if self._wanted and self._rested + _REST <= self._clock.now().monotonic:
                await self._ask()
            self._mark_due(self._unanswered())
            if self._is_news_pending:
                self._is_news_pending = False
                listener.connects_answered()

    def _unanswered(self) -> dict[Endpoint, _Check]:
        return {one: check for one, check in self._checks.items() if check.outcome is not Connect.ACCEPTED}

    def _next(self) -> float | None:
        """When there is something to do, in monotonic seconds; None if there is nothing."""
        due = [check.due for check in self._unanswered().values()]
        if self._wanted:
            due.append(self._rested + _REST)
        return min(due, default=None)

    async def _until_due(self) -> None:
        while not self._is_news_pending:
            if await is_due(self._next(), self._woken, self._clock):
                return

    async def ask_all_wanted(self) -> None:
        """Ask all at once: they are waited for together."""
        await self._ask(LISTENERS_CHECKED.value)

    async def _ask(self, at_once: int = _AT_ONCE) -> None:
        """Ask the next ones."""
        self._rested = self._clock.now().monotonic
        batch = dict(islice(self._wanted.items(), max(0, at_once - len(self._under_way))))
        if not batch or self._prober is None:
            return
        for endpoint in batch:
            del self._wanted[endpoint]
        self._under_way.update(batch)
        self._asked_few = len(batch) <= _FEW
        outcomes = await self._prober.connect(list(batch), self)
        for endpoint, outcome in zip(batch, outcomes, strict=True):
            if outcome is not Connect.PENDING:
                self.connect_answered(endpoint, outcome)

    def connect_answered(self, endpoint: Endpoint, outcome: ConnectOutcome) -> None:
        """Note an answer. Where it could not be asked, the last answer of the same listener counts."""
        listener = self._under_way.pop(endpoint, None)
        if listener is None:
            return
        known = self._checks.get(endpoint)
        if known is not None and known.inode != listener.inode:
            known = None
        full = None
        if outcome is Connect.TIMED_OUT or (known is not None and known.full is not None):
            beside = self._full_beside(listener, endpoint.port.number)
            if isinstance(beside, Listener):  # while it is there, the next client may meet it
                outcome, full = Connect.TIMED_OUT, beside
            elif isinstance(beside, Unknown):
                outcome = beside
        if known is not None and isinstance(outcome, Unknown):
            outcome, full = known.outcome, known.full
        is_new = known is None or (known.outcome, known.full) != (outcome, full)
        wait = _RARELY
        if outcome is not Connect.ACCEPTED:
            wait = _SOON if known is None or is_new else min(_AT_MOST, 2 * known.wait)
        self._checks[endpoint] = _Check(
            listener.inode, outcome, self._clock.now().monotonic + wait, wait, full
        )
        if is_new and (known is not None or outcome is not Connect.ACCEPTED or self._asked_few):
            self._changed.add(endpoint)
            self._is_news_pending = True
        self._woken.set()
