"""How a domain resolved to an endpoint, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lowatch.core.addresses import Address, Port, format_address
from lowatch.core.answers import Answer, View
from lowatch.core.snapshot import DomainObservation
from lowatch.core.verdicts import JudgedEndpoint
from lowatch.core.views import IN_WORDS

Resolution = Callable[[JudgedEndpoint], str]


def resolution_of(observed: DomainObservation) -> Resolution:
    """As in: www.example.com -> lb.example.net resolves to 192.0.2.10 (stale answer).

    Made for the endpoints of one domain: what they share is computed once.
    """
    answer = observed.answer
    by_record = _first_targets(answer)
    of_address = [(frozenset(one.addresses + one.synthesised), one) for one in (answer.a, answer.aaaa)]

    def resolution(endpoint: JudgedEndpoint) -> str:
        address = endpoint.address
        rrsets = [rrset for addresses, rrset in of_address if address in addresses]
        if answer.srv_records is None:
            steps = rrsets[0].chain if rrsets else ()
        else:
            steps = by_record.get((address, endpoint.port), ())
        if answer.view is not View.DNS:
            source = f" (from {IN_WORDS[answer.view]})"
        else:
            source = " (stale answer)" if any(r.stale_since is not None for r in rrsets) else ""
        arrows = "".join(f" -> {name}" for name in steps)
        return f"{answer.domain}{arrows} resolves to {format_address(address)}{source}"

    return resolution


def _first_targets(answer: Answer) -> Mapping[tuple[Address, Port], tuple[str, ...]]:
    """For an SRV name: the first target that leads to each endpoint."""
    found: dict[tuple[Address, Port], tuple[str, ...]] = {}
    for record in answer.srv_records or ():
        for address in record.addresses:
            found.setdefault((address, record.port), (record.target,))
    return found
