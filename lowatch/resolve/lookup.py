"""Looks up one name and type: asks one server after the other until one answers, and follows CNAMEs.

Nearly always the first server answers and the lookup ends. So a Lookup is small, and the state for going on
(a Trail) is made only when needed.
"""

from __future__ import annotations

from lowatch.resolve.records.name_table import NameTable
from lowatch.resolve.records.slot_state import LookupOutcome
from lowatch.resolve.records.slots import name_number
from lowatch.resolve.upstream.channel import Channel
from lowatch.resolve.upstream.upstreams import Upstreams
from lowatch.wire.dns import (
    MAX_CHAIN,
    Reply,
    ReplyKind,
    RRType,
    encode_question,
    failure,
    length_reason,
    loop_reason,
)


class Lookup:
    """A slot that is being queried. It implements upstream.channel.Question.

    name: the object in NameTable.questions. section: the current question section, which may be for the
    target of a CNAME. known, sent: see Question.
    """

    __slots__ = ("known", "name", "section", "sent", "slot", "trail")

    def __init__(self, slot: int, name: bytes, section: bytes, known: bytes) -> None:
        self.slot = slot
        self.name = name
        self.section = section
        self.known = known
        self.sent = 0.0
        self.trail: _Trail | None = None


class _Trail:
    """The servers left to ask, how the others failed, and the known part of the CNAME chain.

    Each server is asked once per round. A second round asks only those that did not reply: one that refused
    or failed would do so again.
    """

    __slots__ = ("failures", "round", "rounds_left", "silent", "so_far")

    def __init__(self, servers: list[Channel], attempts: int, so_far: Reply | None) -> None:
        self.round = servers
        self.rounds_left = attempts - 1
        self.silent: list[Channel] = []
        self.failures: dict[str, Reply] = {}
        self.so_far = so_far

    def next(self) -> Channel | None:
        if not self.round and self.rounds_left > 0:
            self.rounds_left -= 1
            self.round = [channel for channel in self.silent if not channel.health.given_up]
            self.silent = []
        return self.round.pop(0) if self.round else None


class Lookups:
    """Passes lookups from server to server. It has no state of its own: the channels keep the lookups."""

    def __init__(self, upstreams: Upstreams, names: NameTable) -> None:
        self._upstreams = upstreams
        self._names = names

    def start(self, lookups: list[Lookup], now: float) -> list[Lookup]:
        """Ask the steady server, if there is one; else the first one for each lookup.

        Returns the lookups for which there is no server.
        """
        channel = self._upstreams.steady
        if channel is not None:
            channel.ask_all(lookups, now)
            return []
        unasked = []
        for lookup in lookups:
            channel = self._upstreams.first(now)
            if channel is not None:
                channel.ask(lookup, now)
            else:
                unasked.append(lookup)
        return unasked

    def advance(self, channel: Channel, lookup: Lookup, reply: Reply, now: float) -> LookupOutcome | None:
        """The outcome of the lookup, or None if another query had to be sent."""
        if reply.kind is ReplyKind.FAILURE:
            return self._ask_next(channel, lookup, reply, now)
        if reply.kind is ReplyKind.ALIAS or lookup.trail is not None:
            return self._follow_chain(channel, lookup, reply, now)
        return LookupOutcome(reply, channel.name)

    def _ask_next(self, channel: Channel, lookup: Lookup, reply: Reply, now: float) -> LookupOutcome | None:
        """The server failed: ask the next one, or give up."""
        trail = lookup.trail
        if trail is None:
            trail = lookup.trail = self._trail(channel, None, now)
        trail.failures[channel.name] = reply
        if reply.rcode == "TIMEOUT":
            trail.silent.append(channel)
        following = trail.next()
        if following is None:
            return LookupOutcome(_all_failed(trail))
        following.ask(lookup, now)
        return None

    def _follow_chain(
        self, channel: Channel, lookup: Lookup, reply: Reply, now: float
    ) -> LookupOutcome | None:
        """The reply has a part of the CNAME chain: its end, or one more part."""
        so_far = lookup.trail.so_far if lookup.trail is not None else None
        if so_far is not None:
            reply = _joined(self._names.text_of(name_number(lookup.slot)), so_far, reply)
        if reply.kind is not ReplyKind.ALIAS:
            return LookupOutcome(reply, channel.name)
        lookup.known = b""
        rrtype = RRType(int.from_bytes(lookup.section[-4:-2], "big"))
        lookup.section = encode_question(reply.chain[-1], rrtype)
        # The server that knew the first part most likely knows the rest.
        lookup.trail = self._trail(channel, reply, now)
        channel.ask(lookup, now)
        return None

    def _trail(self, asked: Channel, so_far: Reply | None, now: float) -> _Trail:
        others = [channel for channel in self._upstreams.candidates(now) if channel is not asked]
        return _Trail(others, self._upstreams.attempts, so_far)


def _all_failed(trail: _Trail) -> Reply:
    """A failure that says how each server failed, in a stable order."""
    failures = trail.failures
    reason = "; ".join(f"{server}: {failures[server].reason}" for server in sorted(failures))
    if trail.so_far is not None:
        reason += f" (asked for {trail.so_far.chain[-1]}, an alias)"
    last = next(reversed(failures.values()))
    return failure(last.rcode, reason)


def _joined(name: str, so_far: Reply, reply: Reply) -> Reply:
    """Two parts of the CNAME chain of `name` joined, or a FAILURE if it loops or is too long."""
    repeated = next((target for target in reply.chain if target in (name, *so_far.chain)), None)
    if repeated is not None:
        return failure(reply.rcode, loop_reason(repeated))
    chain = so_far.chain + reply.chain
    if len(chain) > MAX_CHAIN:
        return failure(reply.rcode, length_reason())
    return reply._replace(chain=chain, ttl=min(so_far.ttl, reply.ttl))
