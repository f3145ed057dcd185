"""What applications get: DNS, overridden by /etc/hosts as nsswitch.conf has it; getaddrinfo to compare."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from lowatch.core.addresses import Address, Port, Prefix, PrefixSet, destination
from lowatch.core.answers import Answer, Status
from lowatch.core.lifecycle import Now
from lowatch.core.policy import is_service_name
from lowatch.files.threads import NoThreadError, in_thread

from .compose import disagrees
from .composed import ComposedAnswers, DnsAnswers, Unresolved
from .crosscheck import CrossCheck, LookupThread, Seen
from .crosscheck_schedule import CrossCheckSchedule
from .files import NameFiles, NameFilesSource
from .hosts import HOST_CONF, HOSTS
from .nsswitch import NSSWITCH_CONF

LOCAL_EVERY = 30.0
"""Seconds between looks at which names lead into local addresses: whom to compare most often."""


_THREAD_AFTER = 5.0
"""Seconds until a thread is asked for again, where none could be had to read a large /etc/hosts."""
_ROUNDS = 3
"""Times that getaddrinfo has to differ for somebody who asks once."""


class Clock(Protocol):
    def now(self) -> Now: ...


class Dns(DnsAnswers, Protocol):
    """A whole Resolver of the application's, for the DNS view."""

    @property
    def service_ports(self) -> frozenset[Port]: ...

    @property
    def stub_addresses(self) -> frozenset[Address]: ...

    @property
    def problems(self) -> Sequence[str]: ...

    async def run(self, changed: Callable[[str], None]) -> None: ...

    async def settled(self) -> None: ...

    def replace_domains(self, domains: Iterable[str]) -> None: ...

    def follow_ipv6(self, *, idle: bool) -> None: ...

    def ask_soon(self, domain: str) -> None: ...


class Views:
    """The application's Resolver. files_changed() says when to look at the files again.

    An SRV name has a DNS view only: neither /etc/hosts nor getaddrinfo knows of such.
    """

    def __init__(
        self,
        dns: Dns,
        domains: Iterable[str],
        clock: Clock,
        local: Callable[[], Collection[Prefix] | None] = tuple,
        hosts_path: Path = HOSTS,
        nsswitch_path: Path = NSSWITCH_CONF,
        host_conf_path: Path = HOST_CONF,
        lookups: LookupThread | None = None,
    ) -> None:
        """domains: those that `dns` follows. local: Host.local_prefixes. lookups: who asks getaddrinfo."""
        self._dns = dns
        self._clock = clock
        self._answers = ComposedAnswers(dns, hosts_path)
        self._files = NameFiles()
        self._source = NameFilesSource(hosts_path, nsswitch_path, host_conf_path)
        self._reread = True
        self._look = asyncio.Event()
        self._looked = asyncio.Event()
        self._changed: Callable[[str], None] | None = None
        self._local = local
        self._local_prefixes: Collection[Prefix] | None = ()
        self._is_local = PrefixSet(())
        self._local_again = float("-inf")
        self._compares = False
        self._schedule = CrossCheckSchedule()
        self._crosscheck = CrossCheck(self._schedule, self._now, self, lookups or LookupThread())
        self._doubted: set[str] = set()
        self._followed: Collection[str] = ()
        self._follow(domains)

    def answer(self, domain: str) -> Answer:
        return self._answers.answer(domain)

    def inside(self, prefixes: Collection[Prefix]) -> set[str]:
        return self._answers.inside(prefixes)

    def at(self, address: Address) -> Collection[str]:
        return self._answers.at(address)

    @property
    def statuses(self) -> Mapping[Status, int]:
        return self._answers.statuses

    def unresolved(self) -> Unresolved:
        return self._answers.unresolved()

    def crowded(self) -> Mapping[str, int]:
        return self._answers.crowded()

    def not_resolved(self) -> Sequence[str]:
        return self._answers.not_resolved()

    @property
    def service_ports(self) -> frozenset[Port]:
        return self._dns.service_ports

    @property
    def stub_addresses(self) -> frozenset[Address]:
        return self._dns.stub_addresses

    @property
    def problems(self) -> Sequence[str]:
        mine = self._files.problems
        return (*self._dns.problems, *mine) if mine else self._dns.problems

    async def run(self, changed: Callable[[str], None]) -> None:
        self._changed = changed
        self._look.set()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_looking())
            tasks.create_task(self._dns.run(self._dns_changed))
            tasks.create_task(self._keep_comparing())

    async def settled(self) -> None:
        """Also, /etc/hosts has been read. getaddrinfo has not been asked: see cross_check()."""
        await self._looked.wait()
        await self._dns.settled()

    def replace_domains(self, domains: Iterable[str]) -> None:
        self._follow(domains)
        self._dns.replace_domains(self._followed)
        self._answers.retain(self._followed)
        self._reread = True
        self.files_changed()

    def follow_ipv6(self, *, idle: bool) -> None:
        self._dns.follow_ipv6(idle=idle)

    def files_changed(self) -> None:
        """Look at /etc/hosts, nsswitch.conf and host.conf again: three stats where nothing changed."""
        self._look.set()

    async def cross_check(self, domains: Iterable[str], patience: float) -> None:
        """Ask getaddrinfo about these now, whether run() runs or not; each Answer then has its view.

        Where that has not come after `patience` seconds it is unknown.
        """
        names = [one for one in domains if not is_service_name(one)]
        for _ in range(_ROUNDS):  # of addresses that are handed out one at a time, each may get another
            await self._crosscheck.check(names, patience)
            names = [name for name in names if disagrees(self.answer(name))]
            if not names:
                return

    # What happens to it.

    def _now(self) -> float:
        return self._clock.now().monotonic

    def _follow(self, domains: Iterable[str]) -> None:
        """domains: kept as they are if they can be, for there may be 100,000 of them."""
        self._followed = domains if isinstance(domains, Mapping | frozenset) else frozenset(domains)
        phase = random.random()  # noqa: S311 - spreads the load, guards no secret
        self._schedule.replace_domains(self._followed, phase)
        self._crosscheck.wake()

    def _changed_under(self, domains: Iterable[str]) -> None:
        """DNS or /etc/hosts says something else of them: so may getaddrinfo."""
        for domain in domains:
            seen = self._answers.seen.get(domain)
            if seen is not None:
                self._schedule.ask_soon(domain, self._now())
                if seen.addresses is not None:
                    old = Seen(None, "DNS or /etc/hosts has changed since: asking again")
                    self._answers.put_seen(domain, old, self._schedule.close)
        self._crosscheck.wake()
        self._announce(domains)

    def _announce(self, domains: Iterable[str]) -> None:
        if self._changed is not None:
            for domain in domains:
                self._changed(domain)

    def _dns_changed(self, domain: str) -> None:
        self._answers.dns_changed(domain)
        if self._compares and self._leads_here(domain):
            self._schedule.watch_also(domain, self._now())
        self._changed_under([domain])

    def _leads_here(self, domain: str) -> bool:
        return any(self._is_local.covers(destination(one)) for one in self.answer(domain).addresses)

    async def _keep_looking(self) -> None:
        while True:
            await self._look.wait()
            self._look.clear()
            try:
                if self._reread or self._source.changed(self._files):
                    await self._read_files()
            except NoThreadError:
                self._reread = True
                self._look.set()
                await asyncio.sleep(_THREAD_AFTER)
            else:
                self._looked.set()

    async def _read_files(self) -> None:
        followed, self._reread = self._followed, False
        if self._source.is_large:
            files = await in_thread(self._source.read, followed, self._files)
        else:
            files = self._source.read(followed, self._files)
        if followed is not self._followed:
            return  # replace_domains() has asked for another look
        self._files = files
        hosts = {n: said for n, said in files.hosts.addresses.items() if not is_service_name(n)}
        self._changed_under(self._answers.replace_hosts(hosts, files.switch.order))

    async def _keep_comparing(self) -> None:
        """Not before all is settled: 100,000 first answers are no news, and need no Answer each."""
        await self.settled()
        self._compares = True
        await self._crosscheck.follow()

    # The audience of CrossCheck.

    def before_asking(self) -> None:
        now = self._now()
        if now < self._local_again:
            return
        self._local_again = now + LOCAL_EVERY
        prefixes = self._local()
        if prefixes is None:
            self._schedule.watch_closely(self._followed, now)
            return
        if prefixes is not self._local_prefixes:
            self._local_prefixes, self._is_local = prefixes, PrefixSet(prefixes)
        self._schedule.watch_closely(self.inside(prefixes), now)

    def take_seen(self, name: str, seen: Seen, *, keep: bool = False) -> None:
        """Kept where it matters: of names that lead here, and where it is not what the answer says."""
        if name not in self._followed:
            return
        before, was_seen = self.answer(name), name in self._answers.seen
        disagreed = disagrees(before)
        differs = disagrees(self._answers.answer_if(name, seen))
        doubtful = differs or (was_seen and seen.addresses is None)
        if not differs or disagreed or keep or name in self._doubted:
            self._doubted.discard(name)
        else:
            # Not before both were asked again: a record may just have changed, and caches differ in age.
            self._doubted.add(name)
            self._dns.ask_soon(name)
            seen = Seen(None, "differs from DNS: asking both again")
        close = self._schedule.close
        kept = seen if doubtful or keep or name in close else None
        lost = self._answers.put_seen(name, kept, close)
        newly = doubtful and not disagreed
        self._schedule.asked(name, self._now(), newly_doubtful=newly, doubtful=doubtful)
        self._announce([one for one in (lost,) if one is not None])
        if self.answer(name) is not before:
            self._announce([name])

    def lookups_stuck(self, reason: str) -> None:
        for name in list(self._answers.seen):
            before = self.answer(name)
            self._answers.put_seen(name, Seen(None, reason), self._schedule.close)
            if self.answer(name) is not before:
                self._announce([name])

    def refusal(self) -> str:
        """Glibc ends a process that asks while nsswitch.conf names no service: look at it before."""
        switch = self._files.switch
        if self._source.switch_changed(self._files):
            switch, _, _ = self._source.read_switch(switch)
            self.files_changed()
        return switch.broken
