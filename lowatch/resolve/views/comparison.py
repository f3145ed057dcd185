"""Compares what getaddrinfo returns with what the files and DNS predict."""

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
"""Seconds between checks of which addresses are local: names with a local address are looked up first."""

_ROUNDS = 3
"""How many times check() calls getaddrinfo for a name before a difference counts."""
_DIFFERS = "differs from DNS: asking both again"
_CHANGED = "DNS or a file has changed since: asking again"


class ViewListener(Protocol):
    def announce(self, domains: Iterable[str]) -> None:
        """These domains may have a new Answer."""


class Comparison:
    """Decides which names CrossCheck looks up, and what the results mean.

    local: knows which addresses are this host's. random: draws where in the round to start.
    """

    def __init__(
        self,
        dns: Dns,
        answers: MergedAnswers,
        files: NameFilesFollower,
        clock: Clock,
        local: LocalPrefixes,
        lookups: AddressLookups,
        listener: ViewListener,
        random: Random,
    ) -> None:
        self._dns = dns
        self._answers = answers
        self._files = files
        self._clock = clock
        self._local = local
        self._listener = listener
        self._random = random
        self._local_prefixes = PrefixSet()
        self._local_again = float("-inf")
        self._runs = self._all_predictable = False
        self._differed_once: set[str] = set()
        self._domains: Collection[str] = ()
        self._schedule = CrossCheckSchedule()
        self._crosscheck = CrossCheck(self._schedule, clock, self, lookups)

    async def run(self) -> None:
        """Compare as scheduled, until cancelled."""
        self._runs = True
        await self._crosscheck.follow()

    async def check(self, domains: Iterable[str], patience: float) -> None:
        """Compare these domains now; see ViewsResolver.cross_check."""
        names = list(dict.fromkeys(name for domain in domains for name in self._answers.looked_up(domain)))
        most = GETADDRINFO_CHECKED.value
        if len(names) > most:
            self._skip(names[most:], f"not asked about more than {most} names")
        names = names[:most]
        # Each call may return another address, if the server hands them out one at a time.
        for _ in range(_ROUNDS):
            await self._crosscheck.check(names, patience)
            names = [name for name in names if self._differs(name)]
            if not names:
                return

    # Changes to names.

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
        """The answer of DNS or of a file changed for these names, so getaddrinfo's may too.

        Returns the domains that may have a new Answer.
        """
        changed = self._answers.domains_of(names)
        for name in names:
            seen = self._answers.seen.get(name)
            if seen is not None:
                self._schedule.ask_soon(name)
                changed |= self._put_seen(name, Seen(seen.addresses, _CHANGED))
            elif self._runs and (name in self._schedule.here or self._leads_here(name)):
                self._schedule.leads_here(name)
                self._schedule.ask_soon(name)
        self._crosscheck.wake()
        return changed

    def ask_all_soon(self) -> None:
        """Something changed that affects all names."""
        self._schedule.ask_all_soon(self._now())

    def files_read(self, files: NameFiles) -> None:
        """The files were read again."""
        self._all_predictable = _all_predictable(files.switch, self._domains)
        self._update_follows()

    # CrossCheckListener.

    def before_asking(self) -> None:
        now = self._now()
        if now < self._local_again:
            return
        self._local_again = now + LOCAL_EVERY
        self._update_follows()
        prefixes = self._local.local_prefixes()
        if prefixes is None:
            self._schedule.lead_here(self._domains)
        elif prefixes is not self._local_prefixes:
            self._local_prefixes = prefixes
            domains = self._answers.inside(prefixes)
            here = {name for domain in domains for name in self._answers.looked_up(domain)}
            self._schedule.lead_here(here)

    def take_seen(self, name: str, seen: Seen, cost: float = 0.0, *, keep: bool = False) -> None:
        """Keep the result if it differs from the predicted answer, or if getaddrinfo failed.

        A difference counts only after both were asked again, because a record may just have changed, and
        caches differ in age. It is ignored if DNS or a file changed during the lookup, because another
        lookup is due then. After a difference that counts, a failure keeps it, marked as old.
        """
        if not self._answers.knows(name):
            return
        known, expected = self._answers.seen.get(name), self._answers.predicted(name)
        if expected.more:
            seen = Seen(expected.addresses)  # addresses over the limit may differ
        differs, differed = disagrees(expected, seen), known is not None and disagrees(expected, known)
        if differs and self._schedule.has_changed(name):
            self._schedule.record_early_lookup(self._now(), cost)
            return
        matters = keep or known is not None or name in self._schedule.here or not self._schedule.follows
        unverified = differs or (seen.addresses is None and matters)
        newly = unverified and known is None
        if differs and not differed and not keep and name not in self._differed_once:
            self._differed_once.add(name)
            self._dns.ask_soon(name)
            seen, newly = Seen(None, _DIFFERS), True
        else:
            self._differed_once.discard(name)
        if seen.addresses is None and known is not None and differed:
            seen = Seen(known.addresses, seen.reason)
        if seen != known:
            self._listener.announce(self._put_seen(name, seen if unverified or keep else None))
        self._schedule.record_lookup(name, self._now(), cost, newly_unverified=newly, unverified=unverified)

    def lookups_stuck(self, reason: str) -> None:
        for name, seen in list(self._answers.seen.items()):
            self._listener.announce(self._put_seen(name, Seen(seen.addresses, reason)))

    def refusal(self) -> str:
        return self._files.refusal()

    def _update_follows(self) -> None:
        """Check whether the files and DNS, as lowatch queries it, determine what applications get."""
        files = self._files.files
        same = frozenset(self._dns.nameservers) == files.resolver.nameservers
        follows = self._all_predictable and same and not files.nscd
        self._schedule.replace_follows(self._now(), follows=follows)

    def _put_seen(self, name: str, seen: Seen | None) -> set[str]:
        return self._answers.put_seen(name, seen, self._schedule.here)

    def _leads_here(self, name: str) -> bool:
        addresses = self._answers.predicted(name).addresses
        return any(self._local_prefixes.covers(destination(address)) for address in addresses)

    def _differs(self, name: str) -> bool:
        seen = self._answers.seen.get(name)
        return seen is not None and disagrees(self._answers.predicted(name), seen)

    def _skip(self, names: Sequence[str], why: str) -> None:
        GETADDRINFO_CHECKED.reached(len(names))
        if not self._schedule.follows:
            for name in names:
                self._answers.put_seen(name, Seen(None, why), names)

    def _now(self) -> float:
        return self._clock.now().monotonic


def _all_predictable(switch: NameServiceSwitch, names: Iterable[str]) -> bool:
    """Whether the files and DNS determine what each service in nsswitch.conf returns, for all names."""
    if all(service in ("files", "dns") for service in switch.services):
        return not switch.broken
    hostname = os.uname().nodename
    return switch.follows("", "") and all(switch.follows(name, hostname) for name in names)
