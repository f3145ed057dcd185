"""Several views of a domain made into one Answer: what applications get, and what the others say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lowatch.core.addresses import Address, is_v4
from lowatch.core.answers import Answer, OtherView, RRset, Status, View
from lowatch.core.views import differing

from .crosscheck import Seen
from .hosts import HOSTS
from .nsswitch import Decider, Order


def compose(
    dns: Answer,
    hosts: tuple[Address, ...] | None,
    seen: Seen | None,
    order: Order,
    source: Path = HOSTS,
) -> Answer:
    """hosts: what the file `source` says of the domain, None for nothing. seen: None if not asked.

    Where /etc/hosts decides, its line says it all: if that has an IPv4 address only, there is no AAAA.
    """
    others: tuple[OtherView, ...] = ()
    answer = dns
    if hosts is not None and order.decider(dns) is Decider.HOSTS:
        others = (_dns_view(dns),)
        v4, v6 = (_rrset(hosts, v4=v4, source=source) for v4 in (True, False))
        answer = Answer(dns.domain, v4, v6, View.HOSTS)
    elif hosts is not None and set(hosts) != set(dns.addresses):
        others = (OtherView(View.HOSTS, hosts),)
    if seen is not None and not dns.more:  # of a crowd, what one has and the other lacks says nothing
        others += (_getaddrinfo_view(seen, dns),)
    return replace(answer, others=others) if others else answer


def disagrees(answer: Answer) -> bool:
    """Whether getaddrinfo gives what the rest of the answer does not have, as far as both are known."""
    return answer.unknown is None and any(
        other.view is View.GETADDRINFO and other.addresses is not None and differing(answer, other)
        for other in answer.others
    )


def _rrset(addresses: tuple[Address, ...], *, v4: bool, source: Path) -> RRset:
    of_family = tuple(address for address in addresses if is_v4(address) is v4)
    return RRset(Status.RESOLVED if of_family else Status.NODATA, of_family, server=str(source))


def _dns_view(dns: Answer) -> OtherView:
    """With a reason where it is stale: kept from before."""
    if dns.unknown is not None:
        return OtherView(View.DNS, None, dns.unknown)
    return OtherView(View.DNS, tuple(sorted(dns.addresses)), dns.a.reason or dns.aaaa.reason)


def _getaddrinfo_view(seen: Seen, dns: Answer) -> OtherView:
    """Without what a DNS64 made: the DNS view can tell that from an AAAA record, the C library cannot."""
    if seen.addresses is None:
        return OtherView(View.GETADDRINFO, None, seen.reason)
    synthesised = {*dns.a.synthesised, *dns.aaaa.synthesised}
    return OtherView(View.GETADDRINFO, tuple(a for a in seen.addresses if a not in synthesised))
