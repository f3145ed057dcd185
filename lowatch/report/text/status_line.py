"""The status line that `systemctl status` shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from lowatch.core.answers import AnswerStatus
from lowatch.core.findings import Severity
from lowatch.core.lifecycle import FindingState, Tracked
from lowatch.report.order import count_groups
from lowatch.report.phrases import count


def status_line(
    held: int | None,
    statuses: Mapping[AnswerStatus, int],
    tracked: Iterable[Tracked],
    *,
    searched: bool = False,
) -> str:
    """For example "3 addresses held; 9 domains: 8 resolved, 1 stale; 2 findings firing (2 critical)".

    held: None if unknown. searched: whether names that lead here are found without being configured.
    """
    addresses = "addresses held: unknown" if held is None else count(held, "address", "addresses") + " held"
    if not any(statuses.values()) and searched:
        return f"{addresses}; no domain leads here; {_findings(tracked)}"
    if not any(statuses.values()):
        return f"no domain is configured: nothing to check; {addresses}; {_findings(tracked)}"
    return f"{addresses}; {_domains(statuses)}; {_findings(tracked)}"


def starting_line(statuses: Mapping[AnswerStatus, int], unasked: int) -> str:
    """The line before the first full audit. unasked: the number of A and AAAA queries not yet sent."""
    return f"starting: {_domains(statuses)}; {waits_for(unasked)}"


def waits_for(unasked: int) -> str:
    """What the first full audit waits for, in a few words."""
    return (
        f"{count(unasked, 'DNS query', 'DNS queries')} still to send"
        if unasked
        else "running the first full audit"
    )


def _domains(statuses: Mapping[AnswerStatus, int]) -> str:
    total = count(sum(statuses.values()), "domain")
    shares = [f"{number:,} {status}" for status, number in statuses.items() if number]
    return f"{total}: {', '.join(shares)}" if shares else total


def _findings(tracked: Iterable[Tracked]) -> str:
    states: Counter[FindingState] = Counter()
    severities: Counter[Severity] = Counter()
    for (severity, state), number in count_groups(tracked).items():
        states[state] += number
        if state is FindingState.FIRING:
            severities[severity] += number
    if not any(
        states[state] for state in (FindingState.FIRING, FindingState.PENDING, FindingState.ACKNOWLEDGED)
    ):
        return "no findings"
    firing = count(states[FindingState.FIRING], "finding") + " firing"
    if severities:
        firing += f" ({', '.join(f'{severities[one]:,} {one}' for one in Severity if severities[one])})"
    others = [
        f"{states[one]:,} {one}" for one in (FindingState.PENDING, FindingState.ACKNOWLEDGED) if states[one]
    ]
    return ", ".join([firing, *others])
