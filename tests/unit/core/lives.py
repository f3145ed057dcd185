"""One finding, and the judgements that it may meet."""

from __future__ import annotations

from lowatch.core.addresses import parse_port
from lowatch.core.clock import Now
from lowatch.core.findings import Finding, FindingKind, Subject, Undecided
from lowatch.core.judgement import Judgement
from lowatch.core.lifecycle import FindingState
from lowatch.core.policy import Acknowledgement, Policy
from tests.unit.core.worlds import VIP, WWW

HOLD = 30.0
START = 1_000_000.0  # wall clock at monotonic 0
SUBJECT = Subject(FindingKind.ORPHAN_VIP, "lo", VIP, WWW, parse_port("80/tcp"))
KEY = SUBJECT.key
FINDING = Finding(SUBJECT, "nobody listens", ("ip address del 192.0.2.10/32 dev lo",))

SHOWS = Judgement({}, (FINDING,), ())
GONE = Judgement({}, (), ())
UNKNOWN = Judgement({}, (), (Undecided(FindingKind.ORPHAN_VIP, "SERVFAIL", domain=WWW),))
SHOWS_AMID_UNKNOWN = Judgement({}, (FINDING,), UNKNOWN.undecided)

PENDING, FIRING = FindingState.PENDING, FindingState.FIRING
ACKNOWLEDGED, RESOLVED = FindingState.ACKNOWLEDGED, FindingState.RESOLVED


def at(seconds: float) -> Now:
    return Now(seconds, START + seconds)


def policy(hold: float = HOLD, acknowledged_until: float | None = None, reason: str = "known") -> Policy:
    """acknowledged_until: monotonic seconds, as `at` counts them."""
    known = () if acknowledged_until is None else (Acknowledgement(START + acknowledged_until, reason),)
    return Policy(hold=hold, acknowledgements=known)


PLAIN, ACCEPTING = policy(), policy(acknowledged_until=1e9)
