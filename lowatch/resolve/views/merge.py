"""Merges the views of a domain into one Answer: what applications get, and what the other views say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from lowatch.core.addresses import Address, destination, is_v4
from lowatch.core.answers import Answer, AnswerStatus, OtherView, RRset, View
from lowatch.core.views import differing
from lowatch.resolve.records.srv import Target, srv_answer
from lowatch.resolve.system.getaddrinfo import Seen
from lowatch.resolve.system.hosts_file import HOSTS
from lowatch.resolve.system.nsswitch import Decider, NameServiceSwitch, parse_nsswitch

_NO_AAAA = "getaddrinfo (resolv.conf: no-aaaa)"
_NOT_ASKED = "getaddrinfo (nsswitch.conf: not asked)"
_LIBRARY = "getaddrinfo"


class Rules(NamedTuple):
    """How the C library resolves names. aaaa: whether its `dns` service queries AAAA."""

    switch: NameServiceSwitch = parse_nsswitch("")
    aaaa: bool = True
    hosts_path: Path = HOSTS

    @property
    def leave_dns_alone(self) -> bool:
        """Whether a name that only DNS has keeps the answer of DNS."""
        nobody = any(decider is Decider.NOBODY for decider in self.switch.absent)
        return bool(self.switch.broken) or (not nobody and (self.aaaa or self.switch.resolved))

    def compose(self, dns: Answer, hosts: tuple[Address, ...] | None, seen: Seen | None) -> Answer:
        """The merged Answer.

        hosts: the addresses in /etc/hosts, None if it does not have the domain. seen: the result of
        getaddrinfo, None if it was not called. Applications call getaddrinfo, so it wins where it differs.
        """
        return _with_seen(self.predict(dns, hosts), dns, seen)

    def predict(self, dns: Answer, hosts: tuple[Address, ...] | None) -> Answer:
        """What applications should get according to the files and DNS, and what the other views say.

        If /etc/hosts decides, it decides for both families: with an IPv4 address only, there is no AAAA.
        """
        if self.switch.broken:
            return dns
        asked = dns if self.aaaa or self.switch.resolved else _without_aaaa(dns)
        order = self.switch.absent if hosts is None else self.switch.listed
        decider = order.decider(asked)
        if hosts is not None and decider is Decider.HOSTS:
            return _answer(dns, View.HOSTS, hosts, str(self.hosts_path), (_dns_view(dns),))
        if decider is Decider.NOBODY:
            answer = _answer(dns, View.GETADDRINFO, (), _NOT_ASKED, (_dns_view(dns),))
        else:
            answer = asked
        if hosts is not None and set(hosts) != set(answer.addresses):
            return replace(answer, others=(*answer.others, OtherView(View.HOSTS, hosts)))
        return answer


def disagrees(answer: Answer, seen: Seen) -> bool:
    """Whether getaddrinfo returned something other than the answer, as far as both are known.

    An empty result only counts against a fresh answer: nss-resolve returns one for each failure.
    """
    if seen.addresses is None or answer.unknown is not None or answer.more:
        return False
    if not seen.addresses and answer.status is AnswerStatus.STALE:
        return False
    return bool(differing(answer, OtherView(View.GETADDRINFO, seen.addresses)))


def _with_seen(answer: Answer, dns: Answer, seen: Seen | None) -> Answer:
    if seen is None or dns.more:  # addresses over the limit cannot be compared
        return answer
    found = None if seen.addresses is None else _without_synthesised(seen.addresses, dns)
    if found is None or not disagrees(answer, seen):
        if answer.view is View.GETADDRINFO and found is not None:
            return answer
        return replace(answer, others=(*answer.others, OtherView(View.GETADDRINFO, found, seen.reason)))
    # If the server hands addresses out in turn, getaddrinfo got some of them: keep the others too.
    ours = {destination(address) for address in answer.addresses}
    if any(destination(address) in ours for address in found):
        found = tuple(sorted({*found, *answer.addresses}))
    others = answer.others
    if answer.view is View.HOSTS:
        others = (OtherView(View.HOSTS, tuple(sorted(answer.addresses))), *others)
    elif answer.view is View.DNS:
        others = (_dns_view(dns), *others)
    merged = _answer(dns, View.GETADDRINFO, found, _LIBRARY, others, seen.reason)
    made = tuple(address for address in seen.addresses or () if address not in found)
    return replace(merged, aaaa=replace(merged.aaaa, synthesised=made)) if made else merged


def _answer(
    dns: Answer,
    view: View,
    addresses: tuple[Address, ...],
    source: str,
    others: tuple[OtherView, ...],
    kept: str = "",
) -> Answer:
    """kept: why the addresses are old and could not be renewed; "" if they are fresh."""
    v4, v6 = (_rrset(addresses, v4=v4, source=source, kept=kept) for v4 in (True, False))
    return Answer(dns.domain, v4, v6, view, others=others)


def _rrset(addresses: tuple[Address, ...], *, v4: bool, source: str, kept: str = "") -> RRset:
    of_family = tuple(address for address in addresses if is_v4(address) is v4)
    if kept:
        return RRset(AnswerStatus.STALE, of_family, reason=kept, server=source)
    return RRset(AnswerStatus.RESOLVED if of_family else AnswerStatus.NODATA, of_family, server=source)


def _without_aaaa(dns: Answer) -> Answer:
    """The answer of a C library that does not query AAAA; the same object if there is no AAAA."""
    if dns.aaaa.status in (AnswerStatus.NODATA, AnswerStatus.NXDOMAIN) and not dns.aaaa.synthesised:
        return dns
    none = RRset(AnswerStatus.NODATA, server=_NO_AAAA)
    others = (_dns_view(dns),) if dns.aaaa.addresses else ()
    return replace(dns, aaaa=none, view=View.GETADDRINFO if others else dns.view, others=others)


def _dns_view(dns: Answer) -> OtherView:
    """DNS as another view; with a reason if it is stale."""
    if dns.unknown is not None:
        return OtherView(View.DNS, None, dns.unknown)
    return OtherView(View.DNS, tuple(sorted(dns.addresses)), dns.a.reason or dns.aaaa.reason)


def _without_synthesised(addresses: tuple[Address, ...], dns: Answer) -> tuple[Address, ...]:
    """The addresses without those synthesised by a DNS64, which only the DNS view can recognise."""
    made = {*dns.a.synthesised, *dns.aaaa.synthesised}
    return tuple(address for address in addresses if address not in made)


def compose_srv(domain: str, dns: Answer, srv: RRset, targets: Sequence[tuple[Target, Answer]]) -> Answer:
    """What applications get for an SRV name: they query DNS for it, and look each target up like any name.

    dns: its Answer from DNS alone. targets: each as in DNS, with its merged Answer.
    """
    got = [Target(target.name, target.port, answer.a, answer.aaaa) for target, answer in targets]
    answer = srv_answer(domain, srv, got)
    views = {answer.view for _, answer in targets}
    others = [
        OtherView(View.GETADDRINFO, None, f"{target.name}: {other.reason}")
        for target, answer in targets
        for other in answer.others
        if other.view is View.GETADDRINFO and other.addresses is None
    ][:1]
    if views - {View.DNS}:
        view = View.HOSTS if View.HOSTS in views else View.GETADDRINFO
        return replace(answer, view=view, others=(_dns_view(dns), *others))
    return replace(answer, others=tuple(others)) if others else answer
