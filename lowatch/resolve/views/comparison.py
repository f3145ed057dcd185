"""What getaddrinfo says, compared with what the files and DNS say it should."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from random import Random
from typing import Protocol

from lowatch.core.addresses import LocalPrefixes, PrefixSet, destination
from lowatch.core.clock import Clock
from lowatch.core.limits.names import GETADDRINFO_CHECKED
from lowatch.resolve.system.getaddrinfo import AddressLookups, Seen
from lowatch.resolve.system.name_service_files import NameFiles
from lowatch.resolve.system.nsswitch import NameServiceSwitch

from .crosscheck import CrossCheck
from .crosscheck_schedule import CrossCheckSchedule
from .dns_view import Dns
from .files_follower import NameFilesFollower
from .merge import disagrees
from .merged_answers import MergedAnswers

LOCAL_EVERY = 30.0
"""Seconds between looks at which addresses are local: names that lead here are asked about first."""

_ROUNDS = 3
"""Times that getaddrinfo has to differ in check(), which asks once."""
_DIFFERS = "differs from DNS: asking both again"
_CHANGED = "DNS or a file has changed since: asking again"


class Announcer(Protocol):
    def announce(self, domains: Iterable[str]) -> None:
        """These domains may have another Answer."""


class Comparison:
    """The Audience of CrossCheck: says which names to ask about, and what the answers mean.

    local: knows which addresses are this host's. random: where in the round to begin.
    """

    def __init__(
        self,
        dns: Dns,
        answers: MergedAnswers,
        files: NameFilesFollower,
        clock: Clock,
        local: LocalPrefixes,
        lookups: AddressLookups,
        announcer: Announcer,
        random: Random,
    ) -> None:
        self._dns = dns
        self._answers = answers
        self._files = files
        self._clock = clock
        self._local = local
        self._announcer = announcer
        self._random = random
        self._local_prefixes = PrefixSet()
        self._local_again = float("-inf")
        self._runs = self._foretells = False
        self._doubted: set[str] = set()
        self._domains: Collection[str] = ()
        self._schedule = CrossCheckSchedule()
        self._crosscheck = CrossCheck(self._schedule, clock, self, lookups)

    async def run(self) -> None:
        """Compare by the schedule, until cancelled."""
        self._runs = True
        await self._crosscheck.follow()

    async def check(self, domains: Iterable[str], patience: float) -> None:
        """Compare these domains now; see Views.cross_check."""
        names = list(dict.fromkeys(name for domain in domains for name in self._answers.looked_up(domain)))
        most = GETADDRINFO_CHECKED.value
        if len(names) > most:
            self._leave_out(names[most:], f"not asked about more than {most} names")
        names = names[:most]
        for _ in range(_ROUNDS):  # of addresses that are handed out one at a time, each may get another
            await self._crosscheck.check(names, patience)
            names = [name for name in names if self._differs(name)]
            if not names:
                return

    # What happens to the names.

    def follow(self, domains: Collection[str]) -> None:
        """Compare these domains from now on."""
        self._domains = domains
        self._schedule.replace_domains(domains, self._random.random())
        self.ask_all_soon()
        self._crosscheck.wake()

    def follow_targets(self, targets: Collection[str]) -> None:
        """Compare these targets of SRV records, too."""
        self._schedule.also(targets)

    def names_changed(self, names: Collection[str]) -> set[str]:
        """DNS or a file says something else about these names, so getaddrinfo may too.

        Returns the domains that may have another Answer.
        """
        changed = self._answers.domains_of(names)
        for name in names:
            seen = self._answers.seen.get(name)
            if seen is not None:
                self._schedule.ask_soon(name)
                changed |= self._put_seen(name, Seen(seen.addresses, _CHANGED))
            elif self._runs and (name in self._schedule.close or self._leads_here(name)):
                self._schedule.leads_here(name)
                self._schedule.ask_soon(name)
        self._crosscheck.wake()
        return changed

    def ask_all_soon(self) -> None:
        """Something changed that decides for all names."""
        self._schedule.ask_all_soon(self._now())

    def files_read(self, files: NameFiles) -> None:
        """The files were read again."""
        self._foretells = _foretells(files.switch, self._domains)
        self._look_whether_all_follows()

    # The Audience of CrossCheck.

    def before_asking(self) -> None:
        now = self._now()
        if now < self._local_again:
            return
        self._local_again = now + LOCAL_EVERY
        self._look_whether_all_follows()
        prefixes = self._local.local_prefixes()
        if prefixes is None:
            self._schedule.lead_here(self._domains)
        elif prefixes is not self._local_prefixes:
            self._local_prefixes = prefixes
            domains = self._answers.inside(prefixes)
            here = {name for domain in domains for name in self._answers.looked_up(domain)}
            self._schedule.lead_here(here)

    def take_seen(self, name: str, seen: Seen, cost: float = 0.0, *, keep: bool = False) -> None:
        """Kept where it matters: where it is not what the answer says, and where there is none.

        A difference counts once both were asked again: a record may just have changed, and caches differ
        in age. Of one that counts, a failure makes nothing go: it is kept, and is old.
        """
        if not self._answers.knows(name):
            return
        known, expected = self._answers.seen.get(name), self._answers.foretold(name)
        if expected.more:
            seen = Seen(expected.addresses)  # of too many addresses, some may differ
        differs, differed = disagrees(expected, seen), known is not None and disagrees(expected, known)
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
            self._announcer.announce(self._put_seen(name, seen if doubtful or keep else None))
        self._schedule.asked(name, self._now(), cost, newly_doubtful=newly, doubtful=doubtful)

    def lookups_stuck(self, reason: str) -> None:
        for name, seen in list(self._answers.seen.items()):
            self._announcer.announce(self._put_seen(name, Seen(seen.addresses, reason)))

    def refusal(self) -> str:
        return self._files.refusal()

    def _look_whether_all_follows(self) -> None:
        """Whether the files and DNS, as lowatch asks it, determine what applications get."""
        files = self._files.files
        same = frozenset(self._dns.nameservers) == files.resolver.nameservers
        follows = self._foretells and same and not files.nscd
        if follows != self._schedule.follows:
            self._schedule.follows = follows
            self.ask_all_soon()

    def _put_seen(self, name: str, seen: Seen | None) -> set[str]:
        return self._answers.put_seen(name, seen, self._schedule.close)

    def _leads_here(self, name: str) -> bool:
        addresses = self._answers.foretold(name).addresses
        return any(self._local_prefixes.covers(destination(address)) for address in addresses)

    def _differs(self, name: str) -> bool:
        seen = self._answers.seen.get(name)
        return seen is not None and disagrees(self._answers.foretold(name), seen)

    def _leave_out(self, names: Sequence[str], why: str) -> None:
        GETADDRINFO_CHECKED.reached(len(names))
        if not self._schedule.follows:
            for name in names:
                self._answers.put_seen(name, Seen(None, why), names)

    def _now(self) -> float:
        return self._clock.now().monotonic


def _foretells(switch: NameServiceSwitch, names: Iterable[str]) -> bool:
    """Whether it is known of each name what the services of nsswitch.conf say."""
    if all(service in ("files", "dns") for service in switch.services):
        return not switch.broken
    hostname = os.uname().nodename
    return switch.follows("", "") and all(switch.follows(name, hostname) for name in names)
