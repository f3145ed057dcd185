"""The problems of an audit, one line each. Names with the same problem share a line."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import NamedTuple, TypeVar

from .answers import AnswerStatus, OtherView, View
from .judgement import Judgement
from .known import Unknown
from .snapshot import Problem, Snapshot
from .views import is_unheard, unsure
from .words import elapsed

_NAMED = 3
"""How many names a line lists; the others are counted."""
_SOURCES = {View.DNS: "dns", View.HOSTS: "hosts", View.GETADDRINFO: "getaddrinfo"}

Cause = TypeVar("Cause", bound=Hashable)


def failures(snapshot: Snapshot, judgement: Judgement) -> Iterator[Problem]:
    """Everything that is unknown. A problem may occur more than once."""
    for observed in (
        snapshot.links,
        snapshot.held,
        snapshot.prefixes,
        snapshot.black_holes,
        snapshot.sockets,
        snapshot.arp,
        snapshot.twins,
        snapshot.sources,
    ):
        if isinstance(observed, Unknown):
            yield Problem(observed.source, observed.reason)
    yield from (Problem("dns", line) for line in snapshot.unread)
    reasons = ((name, _reason(*why)) for name, why in snapshot.unresolved.items())
    for reason, names in _group(reasons):
        yield Problem("dns", f"{names}: {reason}")
    yield from _over_limit(snapshot.over_limit)
    yield from _views(snapshot, unheard=True)
    yield from _undecided(snapshot, judgement)


def _over_limit(over_limit: Mapping[str, int]) -> Iterator[Problem]:
    """The names with more addresses or SRV records than the limits."""
    for _, names in _group((name, None) for name in over_limit):
        up_to = "up to " if names.many else ""
        most = max(over_limit.values())
        yield Problem("dns", f"{names}: {up_to}{most:,} addresses or SRV records over the limit")


def not_compared(snapshot: Snapshot) -> Iterator[Problem]:
    """The views that could not be compared. What applications get is known without them."""
    return _views(snapshot, unheard=False)


def _views(snapshot: Snapshot, *, unheard: bool) -> Iterator[Problem]:
    """The views without an answer: that of getaddrinfo (unheard), or the others."""
    missing = (
        (name, (other.view, other.reason))
        for name, other in _unsure(snapshot)
        if other.addresses is None and is_unheard(other) is unheard
        if not (unheard and name in snapshot.unresolved)  # failures() reports it already
    )
    for (view, reason), names in _group(missing):
        yield Problem(_SOURCES[view], f"{names}: {reason}")


def _reason(a: str, aaaa: str) -> str:
    return f"A: {a}" if a else f"AAAA: {aaaa}"


def _unsure(snapshot: Snapshot) -> Iterator[tuple[str, OtherView]]:
    """The domains with another view that is not known, whether or not they lead here."""
    for name, view in snapshot.domains.items():
        other = unsure(view.answer)
        if other is not None:
            yield name, other
    for name, other in snapshot.unsure.items():
        if name not in snapshot.domains:
            yield name, other


def _undecided(snapshot: Snapshot, judgement: Judgement) -> Iterator[Problem]:
    """What the kernel or a connect did not answer. Missing DNS answers are reported separately."""
    causes = (
        (f"{each.domain} {each.port}" if each.port else each.domain, each.reason)
        for each in judgement.undecided
        if each.domain is not None and each.address is not None
        if each.reason not in snapshot.domains[each.domain].answer.unknowns.values()
    )
    for reason, names in _group(dict.fromkeys(causes)):  # several rules may have the same cause
        source, _, rest = reason.partition(": ")
        if source == "connect":
            yield Problem(source, f"{names}: {rest}")
        else:
            yield Problem("kernel", f"{names}: {reason}")


def stale(snapshot: Snapshot, now: float) -> Iterator[Problem]:
    """The stale answers that lead here, with their age. now: monotonic seconds."""
    answers = [
        (name, rrset)
        for name, view in snapshot.domains.items()
        if view.answer.status is AnswerStatus.STALE
        for rrset in [next(r for r in (view.answer.a, view.answer.aaaa) if r.status is AnswerStatus.STALE)]
    ]
    oldest: dict[str, float] = {}
    for _, rrset in answers:
        since = now if rrset.stale_since is None else rrset.stale_since
        oldest[rrset.reason] = min(oldest.get(rrset.reason, now), since)
    for reason, names in _group((name, rrset.reason) for name, rrset in answers):
        up_to = "up to " if names.many else ""
        yield Problem(
            "dns",
            f"{names}: using the answer from {up_to}{elapsed(now - oldest[reason])} ago: {reason}",
        )
    others = (
        (name, (other.view, other.reason))
        for name, other in _unsure(snapshot)
        if other.addresses is not None
    )
    for (view, reason), names in _group(others):
        yield Problem(_SOURCES[view], f"{names}: using the previous answer: {reason}")


class _Names(NamedTuple):
    """Names with the same problem: "a.example, b.example, c.example and 99,997 more"."""

    first: list[str]
    number: int

    @property
    def many(self) -> bool:
        return self.number > 1

    def __str__(self) -> str:
        more = f" and {self.number - _NAMED:,} more" if self.number > _NAMED else ""
        return ", ".join(self.first) + more


def _group(causes: Iterable[tuple[str, Cause]]) -> Iterator[tuple[Cause, _Names]]:
    """Each cause once, with the names that have it."""
    first: dict[Cause, list[str]] = {}
    numbers: dict[Cause, int] = {}
    for name, cause in causes:
        numbers[cause] = number = numbers.get(cause, 0) + 1
        if number <= _NAMED:
            first.setdefault(cause, []).append(name)
    for cause, names in first.items():
        yield cause, _Names(names, numbers[cause])
