"""What the views of a name have in common, where they differ, and which of them applications get.

Addresses are compared by where a connect() to them goes: ::ffff:192.0.2.1 is no other than 192.0.2.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .addresses import Address, destination
from .answers import Answer, OtherView, View

IN_WORDS = {View.DNS: "DNS", View.HOSTS: "/etc/hosts", View.GETADDRINFO: "getaddrinfo"}


def addresses_of(answer: Answer) -> tuple[Address, ...]:
    """Those of every view, each once; what applications get comes first."""
    return _with_others(answer, answer.addresses)


def all_given(answer: Answer) -> tuple[Address, ...]:
    """Those, and what a DNS64 made: whatever may lead here."""
    return _with_others(answer, answer.given)


def _with_others(answer: Answer, first: tuple[Address, ...]) -> tuple[Address, ...]:
    if not answer.others:
        return first
    others = (address for other in answer.others for address in other.addresses or ())
    return tuple(dict.fromkeys((*first, *others)))


def unsure(answer: Answer) -> OtherView | None:
    """An other view that is not known, or is kept from before; None where there is none.

    Of several, the one that applications go by.
    """
    found = [one for one in answer.others if one.addresses is None or one.reason]
    return next((one for one in found if is_unheard(one)), found[0] if found else None)


def is_unheard(other: OtherView) -> bool:
    """Whether it is getaddrinfo, asked in vain: what applications get is not known then."""
    return other.view is View.GETADDRINFO and other.addresses is None


def differing(answer: Answer, other: OtherView) -> list[Address]:
    """The addresses that one has and the other lacks.

    What a DNS64 made leads elsewhere whoever gives it. A server may hand its addresses out by turns, a
    few at a time, and getaddrinfo asks but once: what it lacks counts where it has none of the others.
    """
    made = {*answer.a.synthesised, *answer.aaaa.synthesised}
    ours = _by_destination(answer.addresses)
    theirs = _by_destination(one for one in other.addresses or () if one not in made)
    missing = [address for where, address in ours.items() if where not in theirs]
    if other.view is View.GETADDRINFO and len(missing) < len(ours):
        missing = []
    return missing + [address for where, address in theirs.items() if where not in ours]


def _by_destination(addresses: Iterable[Address]) -> Mapping[Address, Address]:
    """Where each leads, and the first that leads there."""
    found: dict[Address, Address] = {}
    for address in addresses:
        found.setdefault(destination(address), address)
    return found


def in_effect(answer: Answer) -> View:
    """Whose addresses applications get. getaddrinfo is what they call: where it differs, it is right."""
    for other in answer.others:
        if other.view is View.GETADDRINFO and other.addresses is not None and differing(answer, other):
            return View.GETADDRINFO
    return answer.view
