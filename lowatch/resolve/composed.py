"""Every domain's Answer with all its views in it. Most have DNS alone, and cost nothing here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from lowatch.core.addresses import Address, Prefix
from lowatch.core.answers import Answer, Status, View

from .compose import compose
from .crosscheck import Seen
from .hosts import HOSTS
from .nsswitch import Order
from .overlay import Overlay

Unresolved = Mapping[str, tuple[str, str]]


class DnsAnswers(Protocol):
    """What DNS says: these methods as in the application's Resolver."""

    def answer(self, domain: str) -> Answer: ...

    def inside(self, prefixes: Collection[Prefix]) -> set[str]: ...

    def at(self, address: Address) -> Collection[str]: ...

    @property
    def statuses(self) -> Mapping[Status, int]: ...

    def unresolved(self) -> Unresolved: ...

    def crowded(self) -> Mapping[str, int]: ...

    def not_resolved(self) -> Sequence[str]: ...


class _Made(NamedTuple):
    """dns: what the answer was made of; None where it has to be made again."""

    dns: Answer | None
    answer: Answer


class ComposedAnswers:
    """Answers of the DNS view together with what the overlay knows of them."""

    def __init__(self, dns: DnsAnswers, hosts_path: Path = HOSTS) -> None:
        self._dns = dns
        self._hosts_path = hosts_path
        self._order = Order()
        self._overlay = Overlay()
        self._made: dict[str, _Made] = {}
        self._decided: frozenset[str] | None = frozenset()
        self._shift: Counter[Status] = Counter()
        self._unresolved: tuple[Unresolved, Unresolved] | None = None

    @property
    def seen(self) -> Mapping[str, Seen]:
        """What getaddrinfo said, of the names where it is kept."""
        return self._overlay.seen

    def answer(self, domain: str) -> Answer:
        dns = self._dns.answer(domain)
        if domain not in self._overlay:
            return dns
        made = self._made.get(domain)
        if made is not None and made.dns is dns:
            return made.answer
        answer = self.answer_if(domain, self._overlay.seen.get(domain))
        if made is not None and made.answer == answer:
            answer = made.answer
        self._made[domain] = _Made(dns, answer)
        return answer

    def answer_if(self, domain: str, seen: Seen | None) -> Answer:
        """What it would be if getaddrinfo said this."""
        dns, hosts = self._dns.answer(domain), self._overlay.hosts.get(domain)
        return compose(dns, hosts, seen, self._order, self._hosts_path)

    def inside(self, prefixes: Collection[Prefix]) -> set[str]:
        return self._dns.inside(prefixes) | self._overlay.inside(prefixes)

    def at(self, address: Address) -> Collection[str]:
        others = self._overlay.at(address)
        return others.union(self._dns.at(address)) if others else self._dns.at(address)

    @property
    def statuses(self) -> Mapping[Status, int]:
        counts = Counter(self._dns.statuses)
        if self._decided_by_hosts():
            counts.update(self._shift)
        return +counts

    def unresolved(self) -> Unresolved:
        """The same object for as long as it reads the same."""
        found, decided = self._dns.unresolved(), self._decided_by_hosts()
        if self._unresolved is None or self._unresolved[0] is not found:
            left = {name: why for name, why in found.items() if name not in decided} if decided else found
            if self._unresolved is not None and self._unresolved[1] == left:
                left = self._unresolved[1]
            self._unresolved = (found, left)
        return self._unresolved[1]

    def crowded(self) -> Mapping[str, int]:
        found, decided = self._dns.crowded(), self._decided_by_hosts()
        return {name: more for name, more in found.items() if name not in decided} if decided else found

    def not_resolved(self) -> Sequence[str]:
        """The domains whose status is another than RESOLVED."""
        found, decided = self._dns.not_resolved(), self._decided_by_hosts()
        if not decided:
            return found
        of_hosts = (name for name in decided if self.answer(name).status is not Status.RESOLVED)
        return (*(name for name in found if name not in decided), *sorted(of_hosts))

    def dns_changed(self, domain: str) -> None:
        if domain in self._overlay.hosts:
            self._decided = None

    def replace_hosts(self, hosts: Mapping[str, tuple[Address, ...]], order: Order) -> list[str]:
        """What /etc/hosts says now, and when it decides. The domains that have another Answer, perhaps."""
        changed = self._overlay.replace_hosts(hosts)
        if order != self._order:
            self._order = order
            changed = [*dict.fromkeys((*changed, *hosts))]
        for domain in changed:
            self._forget(domain)
        if changed:
            self._decided = None
        return changed

    def put_seen(self, domain: str, seen: Seen | None, keep: Collection[str] = ()) -> str | None:
        """See Overlay.put_seen."""
        lost = self._overlay.put_seen(domain, seen, keep)
        self._forget(domain)
        if lost is not None:
            self._forget(lost)
        return lost

    def retain(self, domains: Collection[str]) -> None:
        """Forget all others."""
        for domain in [domain for domain in self._overlay.seen if domain not in domains]:
            self.put_seen(domain, None)
        hosts = {name: said for name, said in self._overlay.hosts.items() if name in domains}
        self.replace_hosts(hosts, self._order)

    def _forget(self, domain: str) -> None:
        """Make its Answer anew when it is next asked for; the old one stands if it reads the same."""
        made = self._made.pop(domain, None)
        if made is not None and domain in self._overlay:
            self._made[domain] = made._replace(dns=None)

    def _decided_by_hosts(self) -> frozenset[str]:
        """The domains of which /etc/hosts decides now."""
        if self._decided is None:
            self._unresolved = None if self._unresolved is None else ({}, self._unresolved[1])
            self._shift = Counter()
            decided = []
            for domain in self._overlay.hosts:
                answer = self.answer(domain)
                if answer.view is View.HOSTS:
                    decided.append(domain)
                    self._shift[self._dns.answer(domain).status] -= 1
                    self._shift[answer.status] += 1
            self._decided = frozenset(decided)
        return self._decided
