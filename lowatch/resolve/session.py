"""What exists while the engine runs: the wheel, the nameservers' channels, lookups under way."""

from __future__ import annotations

import asyncio
import logging
from array import array
from collections.abc import Collection, Iterable
from dataclasses import replace
from itertools import islice
from random import Random

from lowatch.config.settings import DnsSettings
from lowatch.core.addresses import Address
from lowatch.core.answers import AnswerListener
from lowatch.core.clock import Clock, Now
from lowatch.core.limits.names import DNS_LOOKUPS
from lowatch.resolve.records.answer_book import AnswerBook
from lowatch.resolve.records.name_table import NameTable, question_of
from lowatch.resolve.records.slot_state import LookupOutcome, renewed_due, update
from lowatch.resolve.records.slots import NEVER, is_aaaa, name_number
from lowatch.resolve.system.resolv_conf import (
    NameserverSource,
)
from lowatch.resolve.upstream.channel import Channel, ChannelFactory, QueryObserver
from lowatch.resolve.upstream.upstreams import Upstreams
from lowatch.wire.dns import Reply, ReplyKind

from .lookup import Lookup, Lookups
from .time_wheel import Bucket, Waiting, Wheel

_log = logging.getLogger(__name__)


REFRESH_INTERVAL = 5.0
"""Seconds between looks at resolv.conf, taken only when some name is due anyway."""

IPV6_IDLE_TTL = 600.0
"""Seconds that an AAAA is good for at least while no watched interface holds an IPv6 address."""

PROBE_AFTER, PROBE_AFTER_LIMIT = 5.0, 30.0
"""Seconds between probes of a server that was given up: 5, 10, 20, and then 30."""

PROBE_QUERIES = 4
"""Queries per probe."""

_SUSPENDED = 10.0
"""Seconds of suspend from which answers may be old. Shorter ones do not matter."""


class Session:
    """Asks for each slot when it is due, from `start` to `close`. The ReplySink of all its channels.

    The listener is called by the loop, never from within a callback of ours: it may raise or call back
    as it likes. random: spreads the load, guards no secret. spread: see RateLimit.
    """

    def __init__(
        self,
        names: NameTable,
        answers: AnswerBook,
        source: NameserverSource,
        channels: ChannelFactory,
        clock: Clock,
        observer: QueryObserver,
        listener: AnswerListener,
        random: Random,
        *,
        spread: bool,
    ) -> None:
        self._names = names
        self._slots = names.slots
        self._questions, self._answered = names.questions, names.slots.answered
        self._answers = answers
        self._source = source
        self._clock = clock
        self._observer = observer
        self._listener = listener
        self._random = random
        self._suspended = _suspended(clock.now())
        self._loop = asyncio.get_running_loop()
        self._waiting = Waiting(self._slots.due)
        self._wheel = Wheel(self._slots.due, self, clock)
        self._upstreams = Upstreams(channels, self, spread=spread)
        self._lookups = Lookups(self._upstreams, names)
        self._under_way = 0
        self._refreshed = self._now()
        self._probing: asyncio.TimerHandle | None = None
        self._probes = 0
        self._filling = False
        self._closed = False
        self.ipv6_idle = False
        self.progress = 0
        """How many questions have ended, with or without an answer. A slot that becomes due is none."""
        self._settings: tuple[DnsSettings, DnsSettings] = (source.settings, source.settings)

    @property
    def busy(self) -> bool:
        """Whether some slot is due, waits, or is being asked for."""
        return self._wheel.overdue() or bool(self._waiting) or self._under_way > 0

    def start(self) -> None:
        """Ask for slots that were never asked for, or were being asked for when the last session ended."""
        self._upstreams.replace(self._source.current, self._source.settings, self._now())
        self._apply_settings()
        due = self._slots.due
        at_once = array("I")
        for slot in self._names.all_slots():
            if due[slot] == NEVER:
                at_once.append(slot)
            else:
                self._wheel.add(slot, due[slot])
        self._ask_at_once(at_once)

    def close(self) -> None:
        """Leave no socket and no timer. Outcomes already on their way are ignored."""
        self._closed = True
        if self._probing is not None:
            self._probing.cancel()
        self._wheel.close()
        self._waiting.clear()
        self._upstreams.close()

    def add(self, numbers: Iterable[int]) -> None:
        """Ask for names that are followed from now on."""
        slots = [slot for number in numbers for slot in self._names.slots_of(number)]
        self._ask_at_once(sorted(slots, key=is_aaaa))  # each A before any AAAA

    def ask_soon(self, number: int) -> None:
        """Ask for this name now, because its answer is in doubt."""
        self._ask_at_once([slot for slot in self._names.slots_of(number) if self._is_idle(slot)])

    def replace_source(self, source: NameserverSource) -> None:
        self._source = source
        self._apply_settings()
        self._use_nameservers()

    def refresh(self) -> None:
        """Look whether resolv.conf has changed, and ask by it if so."""
        self._refreshed = self._now()
        if self._source.refresh():
            self._use_nameservers()

    def follow_ipv6(self, *, idle: bool) -> None:
        """idle: whether no watched interface holds an IPv6 address, so that AAAA answers matter little."""
        if idle == self.ipv6_idle:
            return
        self.ipv6_idle = idle
        self._apply_settings()
        if not idle:  # first those that may be news now; what is known of them may be ten minutes old
            here = [slot for n in self._answers.numbers_here() for slot in self._names.slots_of(n)[1:]]
            self._ask_at_once([slot for slot in here if self._is_idle(slot)])
            self._spread(slot for slot in self._names.all_slots() if is_aaaa(slot))

    # When to ask.

    def _apply_settings(self) -> None:
        settings = self._source.settings
        seldom = min(max(settings.min_ttl, IPV6_IDLE_TTL), settings.max_ttl)
        self._settings = settings, replace(settings, min_ttl=seldom) if self.ipv6_idle else settings

    def _settings_of(self, slot: int, addresses: Collection[Address]) -> DnsSettings:
        """An AAAA that leads here is followed at its own TTL, whatever is held."""
        seldom = is_aaaa(slot) and self.ipv6_idle and not self._answers.leads_here(addresses)
        return self._settings[1 if seldom else 0]

    def _use_nameservers(self) -> None:
        """Ask other nameservers: now for what the last ones failed to resolve, later for the rest."""
        self._upstreams.replace(self._source.current, self._source.settings, self._now())
        self._ask_at_once(
            slot for slot in self._names.slots_with_failures(self._random) if self._is_idle(slot)
        )
        self._spread(self._names.all_slots())

    def _watch_outage(self) -> None:
        """Probe a server that was given up from time to time: names that back off together leave gaps."""
        if self._probing is None and self._upstreams.outage:
            wait = min(PROBE_AFTER * 2.0 ** min(self._probes, 10), PROBE_AFTER_LIMIT)
            self._probing = self._loop.call_later(wait, self._probe)

    def _probe(self) -> None:
        self._probing = None
        if self._upstreams.outage:
            self._probes += 1
            failing = (
                slot for slot in self._names.slots_with_failures(self._random) if self._is_idle(slot)
            )
            self._ask_at_once(islice(failing, PROBE_QUERIES))
            self._watch_outage()
        else:
            self._probes = 0

    def on_recovery(self) -> None:
        """A server is back: slots that failed without it are asked for again before their back-off ends."""
        self._probes = 0
        self._spread(self._names.slots_with_failures(self._random))

    def _spread(self, slots: Iterable[int]) -> None:
        """Ask again for these at half the server's pace: the other half is left to slots that are due."""
        now, pace = self._now(), max(1.0, self._source.settings.max_qps / 2)
        due = self._slots.due
        for number, slot in enumerate(slot for slot in slots if self._is_idle(slot)):
            at = now + number / pace
            if at < due[slot]:
                self._wheel.add(slot, at)

    def _is_idle(self, slot: int) -> bool:
        """Whether a slot is neither being asked for nor waiting to be."""
        return self._now() < self._slots.due[slot] != NEVER

    def _ask_at_once(self, slots: Iterable[int]) -> None:
        self._waiting.put_at_once(slots, self._now())
        self._fill_soon()

    def on_due(self, buckets: list[Bucket]) -> None:
        for bucket in buckets:
            self._waiting.put(bucket)
        if self._now() - self._refreshed >= REFRESH_INTERVAL:
            self.refresh()
        suspended = _suspended(self._clock.now())
        before, self._suspended = self._suspended, suspended
        if suspended - before > _SUSPENDED:
            self._spread(self._names.all_slots())  # what was answered before it may be hours old
        self._fill()

    def _fill_soon(self) -> None:
        """Start the next lookups once the loop is free."""
        if not self._filling and self._waiting:
            self._filling = True
            self._loop.call_soon(self._fill)

    def _fill(self) -> None:
        self._filling = False
        if self._closed:
            return
        now, known = self._now(), self._slots.known
        while (room := DNS_LOOKUPS.value - self._under_way) > 0:
            taken = self._waiting.take(room, now)
            if taken is None:
                return
            second, slots = taken
            self._observer.on_lag(now - second, len(slots))
            names = [self._questions[name_number(slot)] for slot in slots]
            sections = map(question_of, slots, names)
            self._start([*map(Lookup, slots, names, sections, known(slots))], now)
        DNS_LOOKUPS.reached()

    def _start(self, lookups: list[Lookup], now: float) -> None:
        self._under_way += len(lookups)
        for unasked in self._lookups.start(lookups, now):
            outcome = LookupOutcome(self._upstreams.nobody())
            self._loop.call_soon(self._end, unasked, outcome, now)

    # How questions end: the session as a ReplySink.

    def on_renewed(self, lookup: Lookup, ttl: int, now: float) -> None:
        """Nearly always the answer is what was known: all that is left to do is to ask again in time."""
        slot = lookup.slot
        self._under_way -= 1
        self.progress += 1
        if self._questions[name_number(slot)] is lookup.name:  # else it is no longer followed
            self._answered[slot] = now
            settings = self._settings[0]
            if is_aaaa(slot) and self.ipv6_idle:
                settings = self._settings_of(slot, self._slots.addresses_of(slot))
            self._wheel.add(slot, renewed_due(ttl, settings, now, self._random.random()))

    def on_reply(self, channel: Channel, lookup: Lookup, reply: Reply, now: float) -> None:
        known = lookup.trail is None and self._questions[name_number(lookup.slot)] is lookup.name
        if known and self._slots.renew(lookup.slot, reply, now):
            self.on_renewed(lookup, reply.ttl, now)
            self._fill_soon()
            return
        self.progress += 1  # the lookup may go on for long, server by server
        outcome = self._lookups.advance(channel, lookup, reply, now)
        if outcome is not None:
            self._end(lookup, outcome, now)

    def on_batch_over(self) -> None:
        self._fill()

    def _end(self, lookup: Lookup, outcome: LookupOutcome, now: float) -> None:
        self._under_way -= 1
        if self._closed:
            return
        self.progress += 1
        if self._questions[name_number(lookup.slot)] is lookup.name:
            try:
                self._record(lookup.slot, outcome, now)
            except Exception:  # one name's fault must not keep the others from being asked for
                name = self._names.text_of(name_number(lookup.slot))
                _log.exception("%s: its answer could not be processed, continuing", name)
        if outcome.reply.kind is ReplyKind.FAILURE:
            self._watch_outage()
        self._fill_soon()

    def _record(self, slot: int, outcome: LookupOutcome, now: float) -> None:
        before = self._slots.load(slot)
        outcome = self._answers.bounded(slot, outcome, before.rrset.addresses)
        settings = self._settings_of(slot, outcome.reply.addresses or before.rrset.addresses)
        after, due = update(before, outcome, now, settings, self._random.random())
        self._slots.store(slot, after)
        self._wheel.add(slot, due)
        if after.rrset is not before.rrset:
            touched, found = self._answers.changed(slot, before, after)
            if found:
                self.add(found)
            for number in touched:
                self._loop.call_soon(self._listener.answer_changed, self._names.text_of(number))
        self._names.note_asked(slot)

    def _now(self) -> float:
        return self._clock.now().monotonic


def _suspended(now: Now) -> float:
    """Seconds by which the clock that counts a suspend is ahead of the one that does not."""
    return now.uptime - now.monotonic
