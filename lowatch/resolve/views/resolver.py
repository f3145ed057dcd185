"""What applications get: DNS, overridden by /etc/hosts according to nsswitch.conf, and by getaddrinfo."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from random import Random

from lowatch.core.addresses import EVERYWHERE, NO_LOCAL_PREFIXES, Address, LocalPrefixes, Port, Prefix
from lowatch.core.answers import Answer, AnswerListener, AnswerStatus, OtherView
from lowatch.core.clock import Clock
from lowatch.core.held import Held
from lowatch.core.known import Known, Unknown
from lowatch.core.policy import is_srv_name
from lowatch.resolve.system.file_system import HOST_FILE_SYSTEM, FileSystem
from lowatch.resolve.system.getaddrinfo import AddressLookups, LookupThread
from lowatch.resolve.system.name_service_files import NAME_PATHS, NameFiles, NameFilesSource, NamePaths

from .comparison import Comparison
from .dns_view import Dns
from .files_follower import NameFilesFollower
from .merge import Rules
from .merged_answers import MergedAnswers, Unresolved


class _NamesInHosts:
    """The names to look for in /etc/hosts: domains other than SRV names, and the targets of SRV names."""

    def __init__(self, answers: MergedAnswers) -> None:
        self._answers = answers

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._answers.knows(name) and not is_srv_name(name)


class ViewsResolver:
    """Implements app.ports.Resolver. files_changed() makes it check the files again.

    SRV names are looked up in DNS alone, and their targets like any other name.
    """

    def __init__(
        self,
        dns: Dns,
        domains: Iterable[str],
        clock: Clock,
        local: LocalPrefixes = NO_LOCAL_PREFIXES,
        paths: NamePaths = NAME_PATHS,
        lookups: AddressLookups | None = None,
        files: FileSystem = HOST_FILE_SYSTEM,
        random: Random | None = None,
    ) -> None:
        """domains: those that `dns` follows. local: knows which addresses are this host's.

        lookups: call getaddrinfo. files: the file system of `paths`. random: spreads the load.
        """
        self._dns = dns
        self._local = local
        self._paths = paths
        self._listener: AnswerListener | None = None
        self._answers = MergedAnswers(dns.answer_book, Rules(hosts_path=paths.hosts))
        self._files = NameFilesFollower(NameFilesSource(paths, files), self)
        self._comparison = Comparison(
            dns,
            self._answers,
            self._files,
            clock,
            local,
            lookups or LookupThread(),
            self,
            random or Random(),  # noqa: S311 - spreads the load, guards no secret
        )
        self._domains: Collection[str] = ()
        self._follow(domains)

    def answer(self, domain: str) -> Answer:
        return self._answers.answer(domain)

    def inside(self, prefixes: Collection[Prefix]) -> set[str]:
        return self._answers.inside(prefixes)

    def at(self, address: Address) -> Collection[str]:
        return self._answers.at(address)

    @property
    def statuses(self) -> Mapping[AnswerStatus, int]:
        return self._answers.statuses

    def unresolved(self) -> Unresolved:
        return self._answers.unresolved()

    def over_limit(self) -> Mapping[str, int]:
        return self._answers.over_limit()

    def not_resolved(self) -> Sequence[str]:
        return self._answers.not_resolved()

    def unsure(self) -> Mapping[str, OtherView]:
        return self._answers.unsure()

    @property
    def srv_ports(self) -> frozenset[Port]:
        return self._dns.answer_book.srv_ports

    @property
    def stub_addresses(self) -> frozenset[Address]:
        return self._dns.stub_addresses

    @property
    def problems(self) -> Sequence[str]:
        mine = self._files.files.problems
        return (*self._dns.problems, *mine) if mine else self._dns.problems

    @property
    def unread(self) -> Sequence[str]:
        return self._files.files.unreadable

    async def run(self, listener: AnswerListener) -> None:
        self._listener = listener
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._files.run())
            tasks.create_task(self._dns.run(self))
            tasks.create_task(self._keep_comparing())

    async def settled(self) -> None:
        """Wait until DNS has been queried and /etc/hosts read. For getaddrinfo see cross_check()."""
        await self._files.settled()
        await self._dns.settled()

    def replace_domains(self, domains: Iterable[str]) -> None:
        self._follow(domains)
        self._dns.replace_domains(self._domains)
        self._files.reread(replaced=True)

    def follow_ipv6(self, *, idle: bool) -> None:
        self._dns.follow_ipv6(idle=idle)

    def follow_held(self, held: Known[tuple[Held, ...]] | Unknown) -> None:
        added = self._dns.follow_held(held)
        if added:
            self._dns.keep_near(self._answers.overlaid_inside(added))

    def clients_refused(self, address: Address) -> None:
        self._dns.clients_refused(address)

    def keep_near(self, domains: Iterable[str]) -> None:
        self._dns.keep_near(domains)

    def files_changed(self) -> None:
        """Check whether the files have changed: six stat() calls if not."""
        self._files.look()

    async def cross_check(self, domains: Iterable[str], patience: float) -> None:
        """Look these up with getaddrinfo now, so that each Answer has its view. run() need not be running.

        A result that takes longer than `patience` seconds is unknown. domains: the most important first.
        Beyond GETADDRINFO_CHECKED names, the rest are unknown unless the files and DNS determine them.
        """
        await self._comparison.check(domains, patience)

    # Listeners.

    def answer_changed(self, domain: str) -> None:
        """DNS has a new answer."""
        if self._answers.dns_changed(domain):
            self._comparison.follow_targets(frozenset(self._answers.targets))
            self._files.reread()
        names = self._answers.looked_up(domain)
        self.announce(self._comparison.names_changed(names))
        if domain not in names:
            self.announce([domain])

    def looked_up(self) -> Container[str]:
        """The names to look for in /etc/hosts."""
        return _NamesInHosts(self._answers)

    def on_files(self, before: NameFiles, files: NameFiles) -> None:
        """The files were read again."""
        rules = Rules(files.switch, files.resolver.aaaa, self._paths.hosts)
        changed = self._answers.replace_rules(rules, files.hosts.addresses)
        if _affecting_all_names(files) != _affecting_all_names(before):
            here = self._local.local_prefixes()
            self.announce(self.inside(EVERYWHERE if here is None else here))
            self._comparison.ask_all_soon()
        self._comparison.files_read(files)
        self.announce(self._comparison.names_changed(changed))

    def announce(self, domains: Iterable[str]) -> None:
        """These domains may have a new Answer."""
        domains = list(domains)
        here = self._local.local_prefixes()
        self._dns.keep_near(self._answers.overlaid_here(domains, here))
        if self._listener is not None:
            for domain in domains:
                self._listener.answer_changed(domain)

    def _follow(self, domains: Iterable[str]) -> None:
        """domains: not copied if that can be avoided, because there may be 100,000."""
        self._domains = domains if isinstance(domains, Mapping | frozenset) else frozenset(domains)
        self._answers.follow(self._domains)
        self._comparison.follow(self._domains)

    async def _keep_comparing(self) -> None:
        """Start when all names are settled, so that 100,000 first answers do not make an Answer each."""
        await self.settled()
        await self._comparison.run()


def _affecting_all_names(files: NameFiles) -> object:
    """The part of the files that affects all names."""
    return files.switch, files.resolver, files.nscd, files.unreadable
