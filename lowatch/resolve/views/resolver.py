"""What applications get: DNS, overridden by /etc/hosts as nsswitch.conf has it, and by getaddrinfo."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from random import Random
from typing import Protocol

from lowatch.config.settings import Nameserver
from lowatch.core.addresses import EVERYWHERE, Address, Port, Prefix, PrefixSet, destination
from lowatch.core.answers import Answer, AnswerListener, OtherView, Status
from lowatch.core.clock import (
    Clock,
)
from lowatch.core.limits.names import GETADDRINFO_CHECKED
from lowatch.core.policy import is_service_name
from lowatch.files.threads import NoThreadError, in_thread
from lowatch.resolve.system.file_system import HOST_FILE_SYSTEM, FileSystem
from lowatch.resolve.system.getaddrinfo import AddressLookups, LookupThread, Seen
from lowatch.resolve.system.name_service_files import NAME_PATHS, NameFiles, NameFilesSource, NamePaths
from lowatch.resolve.system.nsswitch import NameServiceSwitch

from .crosscheck import CrossCheck
from .crosscheck_schedule import CrossCheckSchedule
from .merge import Rules, disagrees
from .merged_answers import ComposedAnswers, DnsAnswers, Unresolved

LOCAL_EVERY = 30.0
"""Seconds between looks at whether other addresses are local: whom to ask about first."""

_THREAD_AFTER = 5.0
"""Seconds until a thread is asked for again, where none could be had to read a large /etc/hosts."""
_UNREADABLE_AGAIN = 30.0
"""Seconds until a file that could not be read is tried again, if no event tells of it before."""
_ROUNDS = 3
"""Times that getaddrinfo has to differ for somebody who asks once."""
_DIFFERS = "differs from DNS: asking both again"
_CHANGED = "DNS or a file has changed since: asking again"


class Dns(DnsAnswers, Protocol):
    """A whole Resolver of the application's, for the DNS view."""

    @property
    def service_ports(self) -> frozenset[Port]: ...

    @property
    def stub_addresses(self) -> frozenset[Address]: ...

    @property
    def nameservers(self) -> Collection[Nameserver]:
        """Who is asked."""

    @property
    def problems(self) -> Sequence[str]: ...

    async def run(self, listener: AnswerListener) -> None: ...

    async def settled(self) -> None: ...

    def replace_domains(self, domains: Iterable[str]) -> None: ...

    def follow_ipv6(self, *, idle: bool) -> None: ...

    def ask_soon(self, domain: str) -> None: ...


class _Names:
    """Whom /etc/hosts is read for: domains, and the targets of those that are SRV names."""

    def __init__(self, answers: ComposedAnswers) -> None:
        self._knows = answers.knows

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._knows(name) and not is_service_name(name)


class Views:
    """The application's Resolver. files_changed() says when to look at the files again.

    An SRV name is asked of DNS alone; its targets are looked up as any name is.
    """

    def __init__(
        self,
        dns: Dns,
        domains: Iterable[str],
        clock: Clock,
        local: Callable[[], Collection[Prefix] | None] = tuple,
        paths: NamePaths = NAME_PATHS,
        lookups: AddressLookups | None = None,
        files: FileSystem = HOST_FILE_SYSTEM,
        random: Random | None = None,
    ) -> None:
        """domains: those that `dns` follows. local: Host.local_prefixes. lookups: ask getaddrinfo.

        files: where `paths` are. random: spreads the load.
        """
        self._dns = dns
        self._clock = clock
        self._random = random or Random()  # noqa: S311 - spreads the load, guards no secret
        self._source = NameFilesSource(paths, files)
        self._answers = ComposedAnswers(dns, Rules(hosts_path=paths.hosts))
        self._files = NameFiles()
        self._reread = True
        self._look = asyncio.Event()
        self._looked = asyncio.Event()
        self._listener: AnswerListener | None = None
        self._local = local
        self._local_prefixes: Collection[Prefix] | None = ()
        self._is_local = PrefixSet(())
        self._local_again = float("-inf")
        self._compares = self._foretells = False
        self._schedule = CrossCheckSchedule()
        self._crosscheck = CrossCheck(self._schedule, self._now, self, lookups or LookupThread())
        self._doubted: set[str] = set()
        self._unchecked = 0
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

    def unsure(self) -> Mapping[str, OtherView]:
        return self._answers.unsure()

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

    @property
    def unread(self) -> Sequence[str]:
        return self._files.unreadable

    async def run(self, listener: AnswerListener) -> None:
        self._listener = listener
        self._look.set()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_looking())
            tasks.create_task(self._dns.run(self))
            tasks.create_task(self._keep_comparing())

    async def settled(self) -> None:
        """Also, /etc/hosts has been read. getaddrinfo has not been asked: see cross_check()."""
        await self._looked.wait()
        await self._dns.settled()

    def replace_domains(self, domains: Iterable[str]) -> None:
        self._follow(domains)
        self._dns.replace_domains(self._followed)
        self._reread = True
        self.files_changed()

    def follow_ipv6(self, *, idle: bool) -> None:
        self._dns.follow_ipv6(idle=idle)

    def files_changed(self) -> None:
        """Look at the files again: six stats where nothing changed."""
        self._look.set()

    async def cross_check(self, domains: Iterable[str], patience: float) -> None:
        """Ask getaddrinfo about these now, whether run() runs or not; each Answer then has its view.

        Where that has not come after `patience` seconds it is unknown. domains: the first count most; of
        very many, the last are not asked about, and unknown where their answer does not follow.
        """
        names = list(dict.fromkeys(name for domain in domains for name in self._looked_up(domain)))
        most = GETADDRINFO_CHECKED.value
        if len(names) > most:
            self._leave_out(names[most:], f"not checked: more than {most} names")
        names = names[:most]
        for _ in range(_ROUNDS):  # of addresses that are handed out one at a time, each may get another
            await self._crosscheck.check(names, patience)
            names = [name for name in names if self._differs(name)]
            if not names:
                return

    # What happens to it.

    def _now(self) -> float:
        return self._clock.now().monotonic

    def _looked_up(self, domain: str) -> Collection[str]:
        """The names that an application looks up for it."""
        return self._answers.targets.of(domain) if is_service_name(domain) else (domain,)

    def _differs(self, name: str) -> bool:
        seen = self._answers.seen.get(name)
        return seen is not None and disagrees(self._answers.foretold(name), seen)

    def _leave_out(self, names: Sequence[str], why: str) -> None:
        GETADDRINFO_CHECKED.reached(len(names))
        if not self._schedule.follows:
            for name in names:
                self._answers.put_seen(name, Seen(None, why), names)

    def _follow(self, domains: Iterable[str]) -> None:
        """domains: kept as they are if they can be, for there may be 100,000 of them."""
        self._followed = domains if isinstance(domains, Mapping | frozenset) else frozenset(domains)
        self._answers.follow(self._followed)
        phase = self._random.random()
        self._schedule.replace_domains(self._followed, phase)
        self._schedule.ask_all_soon(self._now())
        self._crosscheck.wake()

    def _changed_under(self, names: Collection[str]) -> None:
        """DNS or a file says something else of them: so may getaddrinfo."""
        changed = self._answers.domains_of(names)
        for name in names:
            seen = self._answers.seen.get(name)
            if seen is not None:
                self._schedule.ask_soon(name)
                changed |= self._put_seen(name, Seen(seen.addresses, _CHANGED))
            elif self._compares and (name in self._schedule.close or self._leads_here(name)):
                self._schedule.leads_here(name)
                self._schedule.ask_soon(name)
        self._crosscheck.wake()
        self._announce(changed)

    def _announce(self, domains: Iterable[str]) -> None:
        if self._listener is not None:
            for domain in domains:
                self._listener.answer_changed(domain)

    def _put_seen(self, name: str, seen: Seen | None) -> set[str]:
        return self._answers.put_seen(name, seen, self._schedule.close)

    def answer_changed(self, domain: str) -> None:
        """DNS has a new answer."""
        new = self._answers.dns_changed(domain)
        if new:
            self._schedule.also(frozenset(self._answers.targets))
            self._reread = True
            self.files_changed()
        names = self._looked_up(domain)
        self._changed_under(names)
        if domain not in names:
            self._announce([domain])

    def _leads_here(self, name: str) -> bool:
        return any(
            self._is_local.covers(destination(one)) for one in self._answers.foretold(name).addresses
        )

    async def _keep_looking(self) -> None:
        while True:
            await self._until_to_look()
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

    async def _until_to_look(self) -> None:
        """Until a file may have changed, or it is time to try those again that could not be read."""
        try:
            async with asyncio.timeout(_UNREADABLE_AGAIN if self._files.unreadable else None):
                await self._look.wait()
        except TimeoutError:
            self._reread = True

    async def _read_files(self) -> None:
        followed, self._reread = self._followed, False
        names = _Names(self._answers)
        if self._source.is_large:
            files = await in_thread(self._source.read, names, self._files)
        else:
            files = self._source.read(names, self._files)
        if followed is not self._followed:
            return  # replace_domains() has asked for another look
        before, self._files = self._files, files
        rules = Rules(files.switch, files.resolver.aaaa, self._source.paths.hosts)
        changed = self._answers.replace_rules(rules, files.hosts.addresses)
        if _decides_for_all(files) != _decides_for_all(before):
            here = self._local()
            self._announce(self.inside(EVERYWHERE if here is None else here))
            self._schedule.ask_all_soon(self._now())
        self._foretells = _foretells(files.switch, self._followed)
        self._look_whether_all_follows()
        self._changed_under(changed)

    def _look_whether_all_follows(self) -> None:
        """Whether the files and DNS, as lowatch asks it, tell what applications get."""
        files = self._files
        same = frozenset(self._dns.nameservers) == files.resolver.nameservers
        follows = self._foretells and same and not files.nscd
        if follows != self._schedule.follows:
            self._schedule.follows = follows
            self._schedule.ask_all_soon(self._now())

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
        self._look_whether_all_follows()
        prefixes = self._local()
        if prefixes is None:
            self._schedule.lead_here(self._followed)
        elif prefixes is not self._local_prefixes:
            self._local_prefixes, self._is_local = prefixes, PrefixSet(prefixes)
            here = {name for domain in self.inside(prefixes) for name in self._looked_up(domain)}
            self._schedule.lead_here(here)

    def take_seen(self, name: str, seen: Seen, cost: float = 0.0, *, keep: bool = False) -> None:
        """Kept where it matters: where it is not what the answer says, and where there is none.

        A difference counts once both were asked again: a record may just have changed, and caches differ
        in age. Of one that counts, a failure makes nothing go: it is kept, and is old.
        """
        if not self._answers.knows(name):
            return
        known, told = self._answers.seen.get(name), self._answers.foretold(name)
        if told.more:
            seen = Seen(told.addresses)  # of a crowd it tells nothing
        differs, differed = disagrees(told, seen), known is not None and disagrees(told, known)
        matters = keep or known is not None or name in self._schedule.close or not self._schedule.follows
        doubtful = differs or (seen.addresses is None and matters)
        newly = doubtful and known is None
        if differs and not differed and not keep and name not in self._doubted:
            self._doubted.add(name)
            self._dns.ask_soon(name)
            seen, newly = Seen(None, _DIFFERS), True
        else:
            self._doubted.discard(name)
        if seen.addresses is None and known is not None and differed:
            seen = Seen(known.addresses, seen.reason)
        if seen != known:
            self._announce(self._put_seen(name, seen if doubtful or keep else None))
        self._schedule.asked(name, self._now(), cost, newly_doubtful=newly, doubtful=doubtful)

    def lookups_stuck(self, reason: str) -> None:
        for name, seen in list(self._answers.seen.items()):
            self._announce(self._put_seen(name, Seen(seen.addresses, reason)))

    def refusal(self) -> str:
        """Glibc ends a process that asks while nsswitch.conf names no service: look at it before.

        And it waits for the other end of a FIFO, for ever: then nothing could be asked any more.
        """
        if endless := self._source.endless():
            return endless
        switch = self._files.switch
        if self._source.switch_changed(self._files):
            switch, _, _ = self._source.read_switch(switch)
            self.files_changed()
        return switch.broken


def _decides_for_all(files: NameFiles) -> object:
    """What is not about single names."""
    return files.switch, files.resolver, files.nscd, files.unreadable


def _foretells(switch: NameServiceSwitch, names: Iterable[str]) -> bool:
    """Whether it is known of each name what the services of nsswitch.conf say."""
    if all(service in ("files", "dns") for service in switch.services):
        return not switch.broken
    hostname = os.uname().nodename
    return switch.follows("", "") and all(switch.follows(name, hostname) for name in names)
