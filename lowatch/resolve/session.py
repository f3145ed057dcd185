"""The running engine: the time wheel, the channels to the nameservers, and the lookups in progress."""

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
from lowatch.resolve.records.far_slots import FarSlots
from lowatch.resolve.records.name_table import NameTable, question_of
from lowatch.resolve.records.slot_state import LookupOutcome, is_settled, renewed_due, update
from lowatch.resolve.records.slots import NEVER, is_aaaa, name_number
from lowatch.resolve.system.resolv_conf import NameserverSource
from lowatch.resolve.upstream.channel import Channel, ChannelFactory, QueryObserver
from lowatch.resolve.upstream.upstreams import Upstreams
from lowatch.wire.dns import Reply, ReplyKind

from .far_sweep import FarSweep
from .lookup import Lookup, Lookups
from .time_wheel import Bucket, Waiting, Wheel

_log = logging.getLogger(__name__)


REFRESH_INTERVAL = 5.0
"""Seconds between checks of resolv.conf, made only when a name is due anyway."""

LOOK_AROUND = 30.0
"""Seconds between such checks while no name is due."""

IPV6_IDLE_TTL = 600.0
"""The minimum TTL in seconds of an AAAA while no watched interface holds an IPv6 address."""

PROBE_AFTER, PROBE_AFTER_LIMIT = 5.0, 30.0
"""Seconds between probes of a server that was given up: 5, 10, 20, and then 30."""

PROBE_QUERIES = 4
"""Queries per probe."""

_SUSPENDED = 10.0
"""Seconds of suspend after which all names are queried again."""


class Session:
    """Queries each slot when it is due, from `start` to `close`. It is the ReplySink of all its channels.

    The event loop calls the listener directly, so it may raise or call back. random: spreads the load, not
    for secrets. spread: see RateLimit. guarded: whether slots may rest, see far_slots.py.
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
        guarded: bool = False,
    ) -> None:
        self._names = names
        self._slots = names.slots
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
        self._guarded = guarded
        self._far = FarSlots(names, clock.now().monotonic)
        self._far_sweep = FarSweep(self._far, self, clock)
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
        """Whether a slot is due, waits, or is being queried."""
        return self._wheel.overdue() or bool(self._waiting) or self._under_way > 0

    def start(self) -> None:
        """Query the slots that were never queried, or were being queried when the last session ended."""
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
        """Close all sockets and timers. Outcomes that arrive later are ignored."""
        self._closed = True
        if self._probing is not None:
            self._probing.cancel()
        self._far_sweep.close()
        self._wheel.close()
        self._waiting.clear()
        self._upstreams.close()

    def add(self, numbers: Iterable[int]) -> None:
        """Query names that are newly followed."""
        slots = [slot for number in numbers for slot in self._names.slots_of(number)]
        self._ask_at_once(sorted(slots, key=is_aaaa))  # each A before any AAAA

    def ask_soon(self, number: int) -> None:
        """Query this name now, because its answer is in doubt."""
        self._ask_at_once([slot for slot in self._names.slots_of(number) if self._is_idle(slot)])

    def lead_here(self, numbers: Iterable[int]) -> None:
        """These names lead here, which is new: query those that rested, and each at its TTL from now on."""
        slots = [slot for number in numbers for slot in self._names.slots_of(number)]
        self.ask_idle([slot for slot in slots if self._far.is_resting(slot)])

    def address_added(self, *, v4: bool, v6: bool) -> None:
        """The host has more addresses: query the names that rest, which may lead to one of these now."""
        self._far_sweep.address_added(v4=v4, v6=v6)

    def clients_refused(self, *, v4: bool) -> None:
        """Local clients are refused, and no known name leads there: query the names that rest."""
        self._far_sweep.clients_refused(v4=v4)

    def look_around(self) -> None:
        """Called every minute or more often: while all names rest, the wheel looks too rarely."""
        self._far_sweep.look_around()
        if self._now() - self._refreshed >= LOOK_AROUND:
            self.refresh()
        self._look_whether_suspended()

    def replace_source(self, source: NameserverSource) -> None:
        self._source = source
        self._apply_settings()
        self._use_nameservers()

    def refresh(self) -> None:
        """Check whether resolv.conf has changed, and use its nameservers if so."""
        self._refreshed = self._now()
        if self._source.refresh():
            self._use_nameservers()

    def follow_ipv6(self, *, idle: bool) -> None:
        """idle: whether no watched interface holds an IPv6 address, so that AAAA answers matter little."""
        if idle == self.ipv6_idle:
            return
        self.ipv6_idle = idle
        self._apply_settings()
        if not idle:  # local ones first: their answers may be ten minutes old
            here = [slot for n in self._answers.numbers_here() for slot in self._names.slots_of(n)[1:]]
            self._ask_at_once([slot for slot in here if self._is_idle(slot)])
            self._spread(slot for slot in self._names.all_slots() if is_aaaa(slot))

    # When to query.

    def _apply_settings(self) -> None:
        settings = self._source.settings
        seldom = min(max(settings.min_ttl, IPV6_IDLE_TTL), settings.max_ttl)
        self._settings = settings, replace(settings, min_ttl=seldom) if self.ipv6_idle else settings
        self._far.far_ttl = settings.far_ttl if self._guarded else 0.0

    def _settings_of(self, slot: int, addresses: Collection[Address]) -> DnsSettings:
        """The settings for a slot. An AAAA with a local address always keeps its own TTL."""
        seldom = is_aaaa(slot) and self.ipv6_idle and not self._answers.leads_here(addresses)
        return self._settings[1 if seldom else 0]

    def _use_nameservers(self) -> None:
        """Use other nameservers. Failed slots are queried now, the others spread over time."""
        self._upstreams.replace(self._source.current, self._source.settings, self._now())
        self._ask_at_once(
            slot for slot in self._names.slots_with_failures(self._random) if self._is_idle(slot)
        )
        self._ask_all_again()

    def _ask_all_again(self) -> None:
        """Any answer may be another one now."""
        self._far.stir_all(self._now())
        self._spread(self._names.all_slots())

    def _watch_outage(self) -> None:
        """Probe a server that was given up: names that back off together leave long gaps."""
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
        """A server is back: query the failed slots again before their back-off ends."""
        self._probes = 0
        self._spread(self._names.slots_with_failures(self._random))

    def _spread(self, slots: Iterable[int]) -> None:
        """Query these again at half the rate limit, and leave the other half to slots that are due."""
        now, pace, due = self._now(), self.half_the_pace, self._slots.due
        for number, slot in enumerate(slot for slot in slots if self._is_idle(slot)):
            at = now + number / pace
            if at < due[slot]:
                self._wheel.add(slot, at)

    def _is_idle(self, slot: int) -> bool:
        """Whether a slot is neither being queried nor waiting to be."""
        return self._now() < self._slots.due[slot] != NEVER

    # What FarSweep asks of it.

    @property
    def has_backlog(self) -> bool:
        return bool(self._waiting)

    @property
    def half_the_pace(self) -> float:
        return max(1.0, self._source.settings.max_qps / 2)

    def ask_idle(self, slots: Iterable[int]) -> None:
        self._ask_at_once([slot for slot in slots if self._is_idle(slot)])

    def _ask_at_once(self, slots: Iterable[int]) -> None:
        self._waiting.put_at_once(slots, self._now())
        self._fill_soon()

    def on_due(self, buckets: list[Bucket]) -> None:
        for bucket in buckets:
            self._waiting.put(bucket)
        if self._now() - self._refreshed >= REFRESH_INTERVAL:
            self.refresh()
        self._look_whether_suspended()
        self._fill()

    def _look_whether_suspended(self) -> None:
        suspended = _suspended(self._clock.now())
        before, self._suspended = self._suspended, suspended
        if suspended - before > _SUSPENDED:
            self._ask_all_again()  # the answers may be hours old

    def _fill_soon(self) -> None:
        """Start the next lookups once the loop is free."""
        if not self._filling and self._waiting:
            self._filling = True
            self._loop.call_soon(self._fill)

    def _fill(self) -> None:
        self._filling = False
        if self._closed:
            return
        now = self._now()
        while (room := DNS_LOOKUPS.value - self._under_way) > 0:
            taken = self._waiting.take(room, now)
            if taken is None:
                return
            second, slots = taken
            self._observer.on_lag(now - second, len(slots))
            names = [self._names.questions[name_number(slot)] for slot in slots]
            self._observer.on_asking(names, now)
            sections = map(question_of, slots, names)
            self._start([*map(Lookup, slots, names, sections, self._slots.known(slots))], now)
        DNS_LOOKUPS.reached()

    def _start(self, lookups: list[Lookup], now: float) -> None:
        self._under_way += len(lookups)
        for unasked in self._lookups.start(lookups, now):
            outcome = LookupOutcome(self._upstreams.nobody())
            self._loop.call_soon(self._end, unasked, outcome, now)

    # ReplySink.

    def on_renewed(self, lookup: Lookup, ttl: int, now: float) -> None:
        """The answer is unchanged, as nearly always: only schedule the next query."""
        slot = lookup.slot
        self._under_way -= 1
        self.progress += 1
        if self._names.questions[name_number(slot)] is lookup.name:  # else it is no longer followed
            self._slots.answered[slot] = now
            settings = self._settings[0]
            if is_aaaa(slot) and self.ipv6_idle:
                settings = self._settings_of(slot, self._slots.addresses_of(slot))
            jitter = self._random.random()
            due = renewed_due(ttl, settings, now, jitter)
            self._wheel.add(slot, self._far.due(slot, due, now, jitter))

    def on_reply(self, channel: Channel, lookup: Lookup, reply: Reply, now: float) -> None:
        known = lookup.trail is None and self._names.questions[name_number(lookup.slot)] is lookup.name
        if known and self._slots.renew(lookup.slot, reply, now):
            self.on_renewed(lookup, reply.ttl, now)
            self._fill_soon()
            return
        self.progress += 1  # a lookup of many servers takes long
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
        if self._names.questions[name_number(lookup.slot)] is lookup.name:
            try:
                self._record(lookup.slot, outcome, now)
            except Exception:  # an error with one name must not stop the others
                name = self._names.text_of(name_number(lookup.slot))
                _log.exception("%s: its answer could not be processed, continuing", name)
        if outcome.reply.kind is ReplyKind.FAILURE:
            self._watch_outage()
        self._fill_soon()

    def _record(self, slot: int, outcome: LookupOutcome, now: float) -> None:
        before = self._slots.load(slot)
        outcome = self._answers.bounded(slot, outcome, before.rrset.addresses)
        settings = self._settings_of(slot, outcome.reply.addresses or before.rrset.addresses)
        jitter = self._random.random()
        after, due = update(before, outcome, now, settings, jitter)
        self._slots.store(slot, after)
        if after.rrset is before.rrset and is_settled(after):
            due = self._far.due(slot, due, now, jitter)
        else:
            self._far.stir(slot, 1 if is_settled(after) else 0)
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
    """The total time the host was suspended, in seconds since boot."""
    return now.uptime - now.monotonic
