"""The Answers of all domains, merged from all views. Most have the DNS view alone, at no extra cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from lowatch.core.addresses import Address, Port, Prefix, PrefixSet
from lowatch.core.answers import Answer, AnswerStatus, OtherView, RRset, View
from lowatch.core.limits.names import DNS_ANSWERS_KEPT
from lowatch.core.policy import is_srv_name
from lowatch.resolve.records.srv import SrvTargets, Target
from lowatch.resolve.system.getaddrinfo import Seen

from .merge import Rules, compose_srv
from .overlay import Overlay

Unresolved = Mapping[str, tuple[str, str]]


class DnsAnswers(Protocol):
    """The answers of DNS. The methods are as in app.ports.Resolver."""

    def answer(self, domain: str) -> Answer: ...

    def targets(self, domain: str) -> tuple[RRset, list[Target]]:
        """The RRset of an SRV name, and the targets in it with their addresses."""

    def target(self, name: str) -> Answer:
        """The Answer of an SRV record's target: at most ADDRESSES_PER_TARGET addresses of each type."""

    def target_names(self, domain: str) -> list[str]:
        """The targets of an SRV name, without their addresses, which are slow to read."""

    def inside(self, prefixes: Collection[Prefix]) -> set[str]: ...

    def at(self, address: Address) -> Collection[str]: ...

    @property
    def statuses(self) -> Mapping[AnswerStatus, int]: ...

    def unresolved(self) -> Unresolved: ...

    def over_limit(self) -> Mapping[str, int]: ...

    def not_resolved(self) -> Sequence[str]: ...

    @property
    def srv_ports(self) -> frozenset[Port]: ...


class _Made(NamedTuple):
    """A merged answer. dns: the DNS answer it was made from; None if it must be merged again."""

    dns: Answer | None
    answer: Answer


class MergedAnswers:
    """The answers of the DNS view, merged with those in the overlay.

    A name is a domain, or the target of an SRV name: applications look both up the same way.
    """

    def __init__(self, dns: DnsAnswers, rules: Rules) -> None:
        self._dns = dns
        self._domains: Collection[str] = ()
        self._rules = rules
        self._overlay = Overlay()
        self.targets: SrvTargets[str] = SrvTargets()
        self._made: dict[str, _Made] = {}
        self._decided: frozenset[str] | None = frozenset()
        self._shift: Counter[AnswerStatus] = Counter()
        self._unresolved: tuple[Unresolved, Unresolved] | None = None

    @property
    def seen(self) -> Mapping[str, Seen]:
        """The results of getaddrinfo that are kept, by name."""
        return self._overlay.seen

    def answer(self, domain: str) -> Answer:
        dns = self._dns.answer(domain)
        if not self._may_differ(domain, dns):
            return dns
        made = self._made.get(domain)
        if made is not None and made.dns is dns:
            return made.answer
        answer = self._compose(domain, dns)
        if made is not None and made.answer == answer:
            answer = made.answer
        elif made is None and len(self._made) >= DNS_ANSWERS_KEPT.value:
            DNS_ANSWERS_KEPT.reached()
            self._made.pop(next(iter(self._made)))
        self._made[domain] = _Made(dns, answer)
        return answer

    def looked_up(self, domain: str) -> Collection[str]:
        """The names that an application looks up for a domain: the targets of an SRV name, or itself."""
        return self.targets.of(domain) if is_srv_name(domain) else (domain,)

    def predicted(self, name: str) -> Answer:
        """The answer that follows from the files and DNS, without getaddrinfo."""
        return self._rules.predict(self._dns_of(name), self._overlay.hosts.get(name))

    def inside(self, prefixes: Collection[Prefix]) -> set[str]:
        return self._dns.inside(prefixes) | self.domains_of(self._overlay.inside(prefixes))

    def at(self, address: Address) -> Collection[str]:
        others = self.domains_of(self._overlay.at(address))
        return others.union(self._dns.at(address)) if others else self._dns.at(address)

    @property
    def statuses(self) -> Mapping[AnswerStatus, int]:
        counts = Counter(self._dns.statuses)
        if self._decided_by_others():
            counts.update(self._shift)
        return +counts

    def unresolved(self) -> Unresolved:
        """The same object for as long as it is equal."""
        found, decided = self._dns.unresolved(), self._decided_by_others()
        if self._unresolved is None or self._unresolved[0] is not found:
            left = {name: why for name, why in found.items() if name not in decided} if decided else found
            if not self._rules.aaaa and not self._rules.switch.resolved:
                left = {name: (a, "") for name, (a, _) in left.items() if a}
            if self._unresolved is not None and self._unresolved[1] == left:
                left = self._unresolved[1]
            self._unresolved = (found, left)
        return self._unresolved[1]

    def over_limit(self) -> Mapping[str, int]:
        found, decided = self._dns.over_limit(), self._decided_by_others()
        return {name: more for name, more in found.items() if name not in decided} if decided else found

    def not_resolved(self) -> Sequence[str]:
        """The domains with a status other than RESOLVED."""
        found, decided = self._dns.not_resolved(), self._decided_by_others()
        if not decided:
            return found
        others = (name for name in decided if self.answer(name).status is not AnswerStatus.RESOLVED)
        return (*(name for name in found if name not in decided), *sorted(others))

    def unsure(self) -> Mapping[str, OtherView]:
        """The domains for which getaddrinfo has returned no result, and why."""
        return {
            domain: OtherView(View.GETADDRINFO, None, reason)
            for name, reason in self._overlay.failing.items()
            for domain in self.domains_of([name])
        }

    # Changes.

    def dns_changed(self, domain: str) -> Collection[str]:
        """DNS has a new answer. Returns the names that have become the target of an SRV name."""
        if is_srv_name(domain):
            return self.targets.replace(domain, self._dns.target_names(domain))
        if domain in self._overlay:
            self._decided = None
        return ()

    def replace_rules(self, rules: Rules, hosts: Mapping[str, tuple[Address, ...]]) -> set[str]:
        """The files were read again. Returns the names with a new result.

        If the rules changed, any domain may have a new Answer.
        """
        changed = set(self._overlay.replace_hosts(hosts))
        if rules != self._rules:
            before, self._rules = self._rules, rules
            changed |= {*hosts, *self._overlay.seen, *self._made}
            if before.leave_dns_alone != rules.leave_dns_alone:
                self._unresolved = None
        if changed:
            self._decided = None
            self._forget(changed)
        return changed

    def put_seen(self, name: str, seen: Seen | None, keep: Collection[str] = ()) -> set[str]:
        """See Overlay.put_seen. Returns the domains that may have a new Answer."""
        if seen is None and name not in self._overlay.seen:
            return set()
        lost = self._overlay.put_seen(name, seen, keep)
        self._decided = None
        return self._forget([name] if lost is None else [name, lost])

    def follow(self, domains: Collection[str]) -> None:
        """Replace the domains. domains: not copied, so the caller must not change them."""
        self._domains = domains
        self.targets.retain(domains)
        for name in [name for name in self._overlay.seen if not self.knows(name)]:
            self.put_seen(name, None)
        hosts = {name: found for name, found in self._overlay.hosts.items() if self.knows(name)}
        self.replace_rules(self._rules, hosts)
        self._made = {name: made for name, made in self._made.items() if name in domains}

    def knows(self, name: str) -> bool:
        """Whether the name is a domain, or the target of one."""
        return name in self._domains or name in self.targets

    def overlaid_inside(self, prefixes: Iterable[Prefix]) -> set[str]:
        """The domains that lead into one of these prefixes by /etc/hosts or getaddrinfo."""
        return self.domains_of(self._overlay.inside(prefixes))

    def overlaid_here(self, domains: Iterable[str], local: PrefixSet | None) -> list[str]:
        """Those of these domains that lead here by /etc/hosts or getaddrinfo. local: None if unknown."""
        return [
            domain
            for domain in domains
            for name in self.looked_up(domain)
            if name in self._overlay
            and any(local is None or local.covers(one) for one in self._overlay.addresses_of(name))
        ]

    # Merging.

    def _may_differ(self, domain: str, dns: Answer) -> bool:
        """Whether the domain's Answer may differ from that of DNS."""
        if dns.srv_records is None:
            return domain in self._overlay or not (self._rules.leave_dns_alone or is_srv_name(domain))
        return not self._rules.leave_dns_alone or any(
            one.target in self._overlay for one in dns.srv_records
        )

    def _compose(self, domain: str, dns: Answer) -> Answer:
        if dns.srv_records is None:
            return self._rules.compose(dns, *self._overlaid(domain))
        srv, targets = self._dns.targets(domain)
        composed = [
            (one, self._rules.compose(Answer(one.name, one.a, one.aaaa), *self._overlaid(one.name)))
            for one in targets
        ]
        return compose_srv(domain, dns, srv, composed)

    def _overlaid(self, name: str) -> tuple[tuple[Address, ...] | None, Seen | None]:
        return self._overlay.hosts.get(name), self._overlay.seen.get(name)

    def _dns_of(self, name: str) -> Answer:
        if name in self._domains or name not in self.targets:
            return self._dns.answer(name)
        return self._dns.target(name)

    def domains_of(self, names: Iterable[str]) -> set[str]:
        """The domains among these names, and those that have one of them as a target."""
        return {name for name in self.targets.with_srv_names(names) if name in self._domains}

    def _forget(self, names: Iterable[str]) -> set[str]:
        """Make the Answers that depend on these names again; an old one stays if the new one equals it."""
        domains = self.domains_of(names)
        for domain in domains:
            made = self._made.pop(domain, None)
            if made is not None:
                self._made[domain] = made._replace(dns=None)
        return domains

    def _decided_by_others(self) -> frozenset[str]:
        """The domains for which /etc/hosts or getaddrinfo decides now, instead of DNS."""
        if self._decided is None:
            self._unresolved = None if self._unresolved is None else ({}, self._unresolved[1])
            self._shift = Counter()
            decided = []
            for domain in self.domains_of({*self._overlay.hosts, *self._overlay.seen}):
                answer = self.answer(domain)
                if answer.view is not View.DNS and answer.unknown is None:
                    decided.append(domain)
                    self._shift[self._dns.answer(domain).status] -= 1
                    self._shift[answer.status] += 1
            self._decided = frozenset(decided)
        return self._decided
