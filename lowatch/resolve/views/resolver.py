"""What applications get: DNS, overridden by /etc/hosts as nsswitch.conf has it, and by getaddrinfo."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from random import Random

from lowatch.core.addresses import EVERYWHERE, NO_LOCAL_PREFIXES, Address, LocalPrefixes, Port, Prefix
from lowatch.core.answers import Answer, AnswerListener, AnswerStatus, OtherView
from lowatch.core.clock import Clock
from lowatch.core.policy import is_srv_name
from lowatch.resolve.system.file_system import HOST_FILE_SYSTEM, FileSystem
from lowatch.resolve.system.getaddrinfo import AddressLookups, LookupThread
from lowatch.resolve.system.name_service_files import NAME_PATHS, NameFiles, NameFilesSource, NamePaths

from .comparison import Comparison
from .dns_view import Dns
from .files_follower import NameFilesFollower
from .merge import Rules
from .merged_answers import MergedAnswers, Unresolved


class _LookedUp:
    """The names that /etc/hosts is read for: domains, and the targets of those that are SRV names."""

    def __init__(self, answers: MergedAnswers) -> None:
        self._answers = answers

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._answers.knows(name) and not is_srv_name(name)


class Views:
    """The application's Resolver. files_changed() says when to look at the files again.

    An SRV name is asked of DNS alone; its targets are looked up like any name.
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

        lookups: ask getaddrinfo. files: where `paths` are. random: spreads the load.
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

    def crowded(self) -> Mapping[str, int]:
        return self._answers.crowded()

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
        """Also, /etc/hosts has been read. getaddrinfo has not been asked: see cross_check()."""
        await self._files.settled()
        await self._dns.settled()

    def replace_domains(self, domains: Iterable[str]) -> None:
        self._follow(domains)
        self._dns.replace_domains(self._domains)
        self._files.reread(replaced=True)

    def follow_ipv6(self, *, idle: bool) -> None:
        self._dns.follow_ipv6(idle=idle)

    def files_changed(self) -> None:
        """Look at the files again: six stats if nothing has changed."""
        self._files.look()

    async def cross_check(self, domains: Iterable[str], patience: float) -> None:
        """Ask getaddrinfo about these now, whether run() runs or not; each Answer then has its view.

        If its answer has not come after `patience` seconds it is unknown. domains: the first count most; of
        very many, the last are not asked about, and are unknown if their answer does not follow.
        """
        await self._comparison.check(domains, patience)

    # What happens to it.

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
        """The names that /etc/hosts is read for."""
        return _LookedUp(self._answers)

    def on_files(self, before: NameFiles, files: NameFiles) -> None:
        """The files were read again."""
        rules = Rules(files.switch, files.resolver.aaaa, self._paths.hosts)
        changed = self._answers.replace_rules(rules, files.hosts.addresses)
        if _decides_for_all(files) != _decides_for_all(before):
            here = self._local.local_prefixes()
            self.announce(self.inside(EVERYWHERE if here is None else here))
            self._comparison.ask_all_soon()
        self._comparison.files_read(files)
        self.announce(self._comparison.names_changed(changed))

    def announce(self, domains: Iterable[str]) -> None:
        """These domains may have another Answer."""
        if self._listener is not None:
            for domain in domains:
                self._listener.answer_changed(domain)

    def _follow(self, domains: Iterable[str]) -> None:
        """domains: kept as they are if they can be, because there may be 100,000 of them."""
        self._domains = domains if isinstance(domains, Mapping | frozenset) else frozenset(domains)
        self._answers.follow(self._domains)
        self._comparison.follow(self._domains)

    async def _keep_comparing(self) -> None:
        """Not before all is settled: 100,000 first answers are no news, and need no Answer each."""
        await self.settled()
        await self._comparison.run()


def _decides_for_all(files: NameFiles) -> object:
    """What concerns more than single names."""
    return files.switch, files.resolver, files.nscd, files.unreadable
