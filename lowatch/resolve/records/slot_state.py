"""How the outcome of a lookup changes what is known about a name, and when to ask again. Pure.

    outcome            known before          known after                       ask again after
    addresses          anything              RESOLVED                          TTL
    NXDOMAIN, NODATA   has addresses         as before (may be a mistake)      min_ttl
      a second in a row                      NXDOMAIN, NODATA                  TTL
    NXDOMAIN, NODATA   has no address        NXDOMAIN, NODATA                  TTL
    failure            has answered          STALE, the addresses kept         1, 2, 4 ... 300 s
      for unknown_after                      UNKNOWN, the addresses kept       1, 2, 4 ... 300 s
    failure            never answered        UNKNOWN                           1, 2, 4 ... 300 s

A TTL is clamped to [min_ttl, max_ttl]. Then 1 s is added, because a cache still returns the old answer
exactly at the TTL, and up to 5 % more, so that names queried together drift apart. A failure between two
negative answers does not count: they are still two in a row.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from lowatch.config.settings import DnsSettings
from lowatch.core.addresses import Address
from lowatch.core.answers import NOT_ASKED, AnswerStatus, RRset
from lowatch.wire.dns import Reply, ReplyKind

from .rotation import STEADY, Rotation, combine

BACKOFF_LIMIT = 300.0
JITTER = 0.05
PAST_TTL = 1.0
ROTATION_TTLS = 3

_NEGATIVE = {ReplyKind.NXDOMAIN: AnswerStatus.NXDOMAIN, ReplyKind.NODATA: AnswerStatus.NODATA}


class LookupOutcome(NamedTuple):
    """How a lookup ended. reply: never an ALIAS, as its chain was followed. server: as configured, or "".

    more: how many addresses were left out of the reply: see answer_limits.
    """

    reply: Reply
    server: str = ""
    more: int = 0


class SlotState(NamedTuple):
    """What is known about one name and type.

    failures, denials: how many in a row. answered: when addresses were last the answer, monotonic seconds.
    """

    rrset: RRset = NOT_ASKED
    failures: int = 0
    denials: int = 0
    answered: float = 0.0
    rotation: Rotation = STEADY


def update(
    state: SlotState, outcome: LookupOutcome, now: float, settings: DnsSettings, jitter: float
) -> tuple[SlotState, float]:
    """The state after `outcome`, and when to ask next (monotonic seconds, as `now`).

    jitter: from [0, 1). The RRset stays the same object where only its TTL was renewed.
    """
    if outcome.reply.kind is ReplyKind.FAILURE:
        after, wait = _failed(state, outcome.reply.reason, now, settings)
    elif outcome.reply.kind is ReplyKind.ADDRESSES:
        after, wait = _answered(state, outcome, now, settings)
    else:
        after, wait = _denied(state, outcome, settings)
    return after, now + wait + JITTER * jitter * wait


def renewed_due(ttl: int, settings: DnsSettings, now: float, jitter: float) -> float:
    """When to ask again after an unchanged answer; update() comes to the same time."""
    least, most = settings.min_ttl, settings.max_ttl
    wait = (least if ttl < least else min(ttl, most)) + PAST_TTL
    return now + wait + JITTER * jitter * wait


def is_settled(state: SlotState) -> bool:
    """Whether its answer is good and not to be verified soon: no failure, rotation or first denial."""
    return not (state.failures or state.rotation != STEADY or (state.denials and state.rrset.addresses))


def _answered(
    state: SlotState, outcome: LookupOutcome, now: float, settings: DnsSettings
) -> tuple[SlotState, float]:
    reply, wait = outcome.reply, _wait(outcome.reply.ttl, settings)
    rotation, addresses = combine(
        state.rotation,
        state.rrset.addresses,
        reply.addresses,
        before_at=state.answered,
        now=now,
        window=ROTATION_TTLS * wait * (1 + JITTER),
    )
    rrset = _rrset(state.rrset, AnswerStatus.RESOLVED, addresses, outcome)
    return SlotState(rrset, answered=now, rotation=rotation), wait


def _denied(state: SlotState, outcome: LookupOutcome, settings: DnsSettings) -> tuple[SlotState, float]:
    reply = outcome.reply
    if state.rrset.addresses and state.denials == 0:
        return state._replace(failures=0, denials=1), _wait(0, settings)
    rrset = _rrset(state.rrset, _NEGATIVE[reply.kind], (), outcome)
    return SlotState(rrset, denials=state.denials + 1), _wait(reply.ttl, settings)


def _failed(state: SlotState, reason: str, now: float, settings: DnsSettings) -> tuple[SlotState, float]:
    before = state.rrset
    since = now if before.stale_since is None else before.stale_since
    left = since + settings.unknown_after - now
    wait = min(2.0 ** min(state.failures, 10), BACKOFF_LIMIT)
    if before.status is AnswerStatus.UNKNOWN or left <= 0:
        status = AnswerStatus.UNKNOWN
    else:
        status, wait = AnswerStatus.STALE, min(wait, max(left, 1.0))
    if left <= 0:
        reason = f"no answer for more than {settings.unknown_after:g} s: {reason}"
    rrset = before
    if (before.status, before.reason) != (status, reason):
        rrset = replace(before, status=status, reason=reason, stale_since=since)
    return state._replace(rrset=rrset, failures=state.failures + 1), wait


def _wait(ttl: int, settings: DnsSettings) -> float:
    """Seconds from an answer to the next query, before jitter."""
    return min(max(ttl, settings.min_ttl), settings.max_ttl) + PAST_TTL


def _rrset(
    before: RRset, status: AnswerStatus, addresses: tuple[Address, ...], outcome: LookupOutcome
) -> RRset:
    """The RRset after a good answer: `before` itself if nothing but the TTL changed."""
    reply, more = outcome.reply, outcome.more
    known = (before.status, before.addresses, before.chain, before.more)
    if known == (status, addresses, reply.chain, more):
        return before
    return RRset(status, addresses, reply.chain, reply.ttl, server=outcome.server, more=more)
