"""Compares the views of a name, and tells which of them applications get.

Addresses are equal if connect() to them goes to the same place: ::ffff:192.0.2.1 equals 192.0.2.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .addresses import Address, destination
from .answers import Answer, OtherView, View

IN_WORDS = {View.DNS: "DNS", View.HOSTS: "/etc/hosts", View.GETADDRINFO: "getaddrinfo"}


def addresses_of(answer: Answer) -> tuple[Address, ...]:
    """The addresses in all views, each once. Those that applications get come first."""
    return _with_others(answer, answer.addresses)


def possible_addresses(answer: Answer) -> tuple[Address, ...]:
    """The addresses in all views, and those synthesised by a DNS64: each of them may be local."""
    return _with_others(answer, answer.with_synthesised)


def _with_others(answer: Answer, first: tuple[Address, ...]) -> tuple[Address, ...]:
    if not answer.others:
        return first
    others = (address for other in answer.others for address in other.addresses or ())
    return tuple(dict.fromkeys((*first, *others)))


def unsure(answer: Answer) -> OtherView | None:
    """Another view that is unknown or old; None if there is none.

    If there are several, the one that applications use.
    """
    found = [one for one in answer.others if one.addresses is None or one.reason]
    return next((one for one in found if is_unheard(one)), found[0] if found else None)


def is_unheard(other: OtherView) -> bool:
    """Whether this is getaddrinfo, and it failed, so that what applications get is unknown."""
    return other.view is View.GETADDRINFO and other.addresses is None


def differing(answer: Answer, other: OtherView) -> list[Address]:
    """The addresses that one has and the other lacks.

    Addresses synthesised by a DNS64 are left out. A server may hand its addresses out in turn, a few at a
    time, and getaddrinfo asks only once: what it lacks counts only if it has none of the others.
    """
    made = {*answer.a.synthesised, *answer.aaaa.synthesised}
    ours = _by_destination(answer.addresses)
    theirs = _by_destination(one for one in other.addresses or () if one not in made)
    missing = [address for where, address in ours.items() if where not in theirs]
    if other.view is View.GETADDRINFO and len(missing) < len(ours):
        missing = []
    return missing + [address for where, address in theirs.items() if where not in ours]


def _by_destination(addresses: Iterable[Address]) -> Mapping[Address, Address]:
    """The destination of each address, and the first address with that destination."""
    found: dict[Address, Address] = {}
    for address in addresses:
        found.setdefault(destination(address), address)
    return found


def in_effect(answer: Answer) -> View:
    """The view that applications get. They call getaddrinfo, so it wins if it differs."""
    for other in answer.others:
        if other.view is View.GETADDRINFO and other.addresses is not None and differing(answer, other):
            return View.GETADDRINFO
    return answer.view
