"""How a domain came to an endpoint, in words."""

from __future__ import annotations

from collections.abc import Iterable

from lowatch.core.addresses import format_address
from lowatch.core.answers import Answer, View
from lowatch.core.snapshot import DomainView
from lowatch.core.verdicts import JudgedEndpoint
from lowatch.core.views import IN_WORDS


def resolution(view: DomainView, endpoint: JudgedEndpoint) -> str:
    """As in: www.example.com -> lb.example.net resolves to 192.0.2.10 (stale answer)."""
    answer = view.answer
    rrsets = [r for r in (answer.a, answer.aaaa) if endpoint.address in r.addresses]
    steps = "".join(f" -> {name}" for name in _steps(answer, endpoint))
    if answer.view is not View.DNS:
        source = f" by {IN_WORDS[answer.view]}"
    else:
        source = " (stale answer)" if any(r.stale_since is not None for r in rrsets) else ""
    return f"{answer.domain}{steps} resolves to {format_address(endpoint.address)}{source}"


def _steps(answer: Answer, endpoint: JudgedEndpoint) -> Iterable[str]:
    """The chain of CNAMEs; of a service, the target that its SRV record names."""
    if answer.services is not None:
        targets = (s for s in answer.services if s.port == endpoint.port)
        return [s.target for s in targets if endpoint.address in s.addresses][:1]
    return next((r.chain for r in (answer.a, answer.aaaa) if endpoint.address in r.addresses), ())
