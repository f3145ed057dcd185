"""The DNS engine: queries each domain when it is due, and keeps the last answer through failures.

It has no tasks. Callbacks of the event loop drive it: due names, a batch of datagrams, a deadline.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from pathlib import Path
from random import Random

from lowatch.config.settings import DnsSettings, Nameserver
from lowatch.core.addresses import NO_LOCAL_PREFIXES, Address, LocalPrefixes, Port, Prefix, is_v4
from lowatch.core.answers import Answer, AnswerListener, AnswerStatus, OtherView
from lowatch.core.clock import Clock
from lowatch.core.held import Held
from lowatch.core.known import Known, Unknown
from lowatch.core.liveness import Heartbeat
from lowatch.core.next_questions import NextQuestion
from lowatch.resolve.records.answer_book import AnswerBook
from lowatch.resolve.records.far_slots import RESTING, pace_of
from lowatch.resolve.records.name_table import NameTable
from lowatch.resolve.records.slots import NEVER, is_aaaa
from lowatch.resolve.system.file_system import HOST_FILE_SYSTEM, FileSystem
from lowatch.resolve.system.resolv_conf import (
    RESOLV_CONF,
    NameserverSource,
)
from lowatch.resolve.upstream.channel import ChannelFactory, QueryObserver
from lowatch.resolve.upstream.socket_channels import SocketChannels

from .far_sweep import HeldAddresses
from .session import Session

STUCK_AFTER = 30.0
"""Seconds without an answer or a timeout, in addition to the time one query may take."""
_TIMEOUTS = 6
"""Timeouts of one query: UDP, then connect, TLS handshake and reply over TCP, and a retry over TCP."""


class Unobserved:
    """A QueryObserver that counts nothing."""

    def on_asking(self, names: Collection[bytes], now: float) -> None:
        pass

    def on_query(self, rcode: str, seconds: float) -> None:
        pass

    def on_lag(self, seconds: float, count: int) -> None:
        pass

    def on_mismatch(self) -> None:
        pass


class Engine:
    """Keeps an Answer per domain in its answer_book: a Resolver, or the DNS view of a ViewsResolver."""

    def __init__(
        self,
        domains: Iterable[str],
        settings: DnsSettings,
        clock: Clock,
        observer: QueryObserver | None = None,
        resolv_conf: Path = RESOLV_CONF,
        *,
        spread: bool = False,
        guarded: bool = False,
        local: LocalPrefixes = NO_LOCAL_PREFIXES,
        channels: ChannelFactory | None = None,
        files: FileSystem = HOST_FILE_SYSTEM,
        random: Random | None = None,
        source: Callable[[DnsSettings, Path, FileSystem], NameserverSource] = NameserverSource,
        ptr: bool = False,
    ) -> None:
        """domains: lower case A-labels without a trailing dot, queried as FQDNs, without a search list.

        spread: whether to send in small bursts, as a daemon does, or as fast as max_qps allows.
        guarded: whether refused local clients are seen, as by a daemon, so that far_ttl applies.
        local: see AnswerBook. channels: sockets by default. files: the file system with resolv_conf.
        random: spreads the load. source: finds the nameservers. ptr: see NameTable.
        """
        self._spread, self._guarded = spread, guarded
        self._held = HeldAddresses()
        self._names = NameTable(ptr=ptr)
        self._source_of = source
        self.answer_book = AnswerBook(self._names, local)
        self._resolv_conf, self._files = resolv_conf, files
        self._source = source(settings, resolv_conf, files)
        self._clock = clock
        self._observer = observer or Unobserved()
        self._channels = channels or SocketChannels(clock, self._observer)
        self._random = random or Random()  # noqa: S311 - spreads the load, guards no secret
        self._session: Session | None = None
        self._ipv6_idle = False
        self.replace_domains(domains)

    def answer(self, domain: str) -> Answer:
        return self.answer_book.answer(domain)

    def at(self, address: Address) -> Collection[str]:
        return self.answer_book.at(address)

    def inside(self, prefixes: Iterable[Prefix]) -> set[str]:
        return self.answer_book.inside(prefixes)

    def unresolved(self) -> Mapping[str, tuple[str, str]]:
        return self.answer_book.unresolved()

    def over_limit(self) -> Mapping[str, int]:
        return self.answer_book.over_limit()

    def not_resolved(self) -> Sequence[str]:
        return self.answer_book.not_resolved()

    @property
    def statuses(self) -> Mapping[AnswerStatus, int]:
        """How many domains have each answer status."""
        return self.answer_book.statuses

    @property
    def srv_ports(self) -> frozenset[Port]:
        """The ports in all SRV records."""
        return self.answer_book.srv_ports

    @property
    def stub_addresses(self) -> frozenset[Address]:
        """The addresses on which port 53 is one of the nameservers."""
        return self._source.current.stub_addresses

    @property
    def nameservers(self) -> Collection[Nameserver]:
        """The nameservers in use."""
        return self._source.current.servers

    @property
    def problems(self) -> Sequence[str]:
        """Errors in the list of nameservers, one line each."""
        return self._source.current.problems

    @property
    def unread(self) -> Sequence[str]:
        """Empty: the engine reads no file but resolv.conf."""
        return ()

    def unsure(self) -> Mapping[str, OtherView]:
        """Empty: the engine does not call getaddrinfo."""
        return {}

    async def run(self, listener: AnswerListener) -> None:
        """Resolve until cancelled. Then all sockets and timers are closed, and it can be run again."""
        session = Session(
            self._names,
            self.answer_book,
            self._source,
            self._channels,
            self._clock,
            self._observer,
            listener,
            self._random,
            spread=self._spread,
            guarded=self._guarded,
        )
        self._session = session
        session.follow_ipv6(idle=self._ipv6_idle)
        try:
            session.start()
            await asyncio.get_running_loop().create_future()
        finally:
            self._session = None
            session.close()

    async def settled(self) -> None:
        """Wait until each domain has been looked up once, with any outcome."""
        await self._names.all_asked.wait()

    def replace_domains(self, domains: Iterable[str]) -> None:
        """Follow these domains from now on. Those that were followed before keep their state."""
        if not isinstance(domains, Mapping | Set):
            domains = dict.fromkeys(domains)  # configure() looks each name up in it
        changed = self._names.configure(domains)
        self.answer_book.added(changed.added)
        self.answer_book.removed(changed.gone)
        if self._session is not None:
            self._session.add(changed.fresh)

    def replace_settings(self, settings: DnsSettings) -> None:
        """Use these settings from now on. All answers are kept."""
        self._source = self._source_of(settings, self._resolv_conf, self._files)
        if self._session is not None:
            self._session.replace_source(self._source)

    def files_changed(self) -> None:
        """resolv.conf may have changed."""
        if self._session is not None:
            self._session.refresh()
        else:
            self._source.refresh()

    def ask_soon(self, domain: str) -> None:
        """Look the domain up now, before its TTL is over, because another view disagrees."""
        number = self._names.number_of(domain)
        if self._session is not None and number is not None:
            self._session.ask_soon(number)

    def follow_ipv6(self, *, idle: bool) -> None:
        """idle: no watched interface holds an IPv6 address except ::1, so AAAA answers may get older."""
        self._ipv6_idle = idle
        if self._session is not None:
            self._session.follow_ipv6(idle=idle)

    def follow_held(self, held: Known[tuple[Held, ...]] | Unknown) -> Sequence[Prefix]:
        """The addresses on the watched interfaces, every minute or more often. Returns what was added.

        Then names that rest (see far_slots.py) are queried soon.
        """
        if self._session is not None:
            self._session.look_around()
        added = self._held.replace(held)
        if added:
            self._lead_here(self.answer_book.numbers_inside(added))
            if self._session is not None:
                v4 = any(is_v4(prefix.address) for prefix in added)
                v6 = not all(is_v4(prefix.address) for prefix in added)
                self._session.address_added(v4=v4, v6=v6)
        return added

    def clients_refused(self, address: Address) -> None:
        """Local clients are refused there, and no known name leads there: one that rests may do so."""
        if self._session is not None:
            self._session.clients_refused(v4=is_v4(address))

    def keep_near(self, domains: Iterable[str]) -> None:
        """Query these at their TTL from now on: another view leads here, or did so in an earlier run."""
        numbers = map(self._names.number_of, domains)
        self._lead_here(number for number in numbers if number is not None)

    def _lead_here(self, numbers: Iterable[int]) -> None:
        new = self.answer_book.keep_near(numbers)
        if self._session is not None:
            self._session.lead_here(new)

    def next_questions(self, domain: str) -> tuple[NextQuestion, ...]:
        """When the domain's records are queried next; () if it is not followed."""
        number = self._names.number_of(domain)
        if number is None:
            return ()
        slots, now = self._names.slots, self._clock.now().monotonic
        first = "SRV" if self._names.is_srv(number) else "A"
        return tuple(
            NextQuestion(
                "AAAA" if is_aaaa(slot) else first,
                0.0 if slots.due[slot] == NEVER else max(0.0, slots.due[slot] - now),
                pace_of(slots, slot),
            )
            for slot in self._names.slots_of(number)
        )

    @property
    def resting(self) -> int:
        """How many names are queried once per far_ttl only."""
        return self._names.slots.calm[::2].count(RESTING)

    @property
    def unasked(self) -> int:
        """How many A and AAAA records have never been queried."""
        return self._names.unasked

    def heartbeats(self) -> list[Heartbeat]:
        """Every query ends within a few timeouts, and due names are queried as fast as max_qps allows."""
        session = self._session
        limit = STUCK_AFTER + self._source.timeout * _TIMEOUTS
        if session is None:
            return [Heartbeat("resolver", True, 0, limit)]
        return [Heartbeat("resolver", session.busy, session.progress, limit)]
