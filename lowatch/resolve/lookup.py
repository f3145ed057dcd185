"""One name and type, asked of servers in turn until one of them knows; its CNAME chain followed.

Nearly always the first server answers and nothing else happens: a Lookup is as small as can be, and
what it takes to go on after that (a Trail) is made only when it is needed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from lowatch.resolve.upstream.channel import Channel
from lowatch.wire.dns import (
    MAX_CHAIN,
    Kind,
    Reply,
    RRType,
    encode_question,
    failure,
    length_reason,
    loop_reason,
)

Ended = Callable[["Lookup", Reply, str, float], None]
"""ended(lookup, reply, server, now). reply: never an ALIAS. server: as configured, "" if none knew."""


class Servers(Protocol):
    """Whom to ask, as Upstreams knows."""

    @property
    def attempts(self) -> int: ...

    @property
    def steady(self) -> Channel | None: ...

    def first(self, now: float) -> Channel | None: ...

    def candidates(self, now: float) -> list[Channel]: ...

    def nobody(self) -> Reply: ...


class Lookup:
    """slot, name: whose it is; name is what Names.questions has. known, sent: see asking.Asked.

    question: what is asked now, of an alias's target perhaps.
    """

    __slots__ = ("known", "name", "question", "sent", "slot", "trail")

    def __init__(self, slot: int, name: bytes, question: bytes, known: bytes) -> None:
        self.slot = slot
        self.name = name
        self.question = question
        self.known = known
        self.sent = 0.0
        self.trail: _Trail | None = None


class _Trail:
    """Whom to ask next, who failed and how, and how much of the chain is known.

    Each server is asked once a round. A second round asks only those that were silent: one that
    refused, or failed to find out, would do so again.
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
    """All that are under way. Calls `ended` once for each, never from within `start`."""

    def __init__(self, text_of: Callable[[int], str], ended: Ended) -> None:
        """text_of(slot): the name of a slot, lower case."""
        self.upstreams: Servers
        self._text_of = text_of
        self._ended = ended
        self.under_way = 0

    def start(self, lookups: list[Lookup], now: float) -> None:
        """All of one server, as long as one is beyond doubt; else each of whoever is the first then."""
        self.under_way += len(lookups)
        channel = self.upstreams.steady
        if channel is not None:
            channel.ask_all(lookups, now)
            return
        for lookup in lookups:
            channel = self.upstreams.first(now)
            if channel is not None:
                channel.ask(lookup, now)
            else:
                reply = self.upstreams.nobody()
                asyncio.get_running_loop().call_soon(self._end, lookup, reply, "", now)

    def done(self, channel: Channel, asked: Lookup, reply: Reply, now: float) -> None:
        """How a question ended that was put to a channel: an Environment's `done`."""
        if reply.kind is Kind.FAILURE:
            self._go_on(channel, asked, reply, now)
        elif reply.kind is Kind.ALIAS or asked.trail is not None:
            self._advance(channel, asked, reply, now)
        else:
            self._end(asked, reply, channel.name, now)

    def _end(self, lookup: Lookup, reply: Reply, server: str, now: float) -> None:
        self.under_way -= 1
        self._ended(lookup, reply, server, now)

    def _go_on(self, channel: Channel, lookup: Lookup, reply: Reply, now: float) -> None:
        """That server did not know: ask the next one, or give up."""
        trail = lookup.trail
        if trail is None:
            others = [one for one in self.upstreams.candidates(now) if one is not channel]
            trail = lookup.trail = _Trail(others, self.upstreams.attempts, None)
        trail.failures[channel.name] = reply
        if reply.rcode == "TIMEOUT":
            trail.silent.append(channel)
        following = trail.next()
        if following is not None:
            following.ask(lookup, now)
        else:
            self._end(lookup, _all_failed(trail), "", now)

    def _advance(self, channel: Channel, lookup: Lookup, reply: Reply, now: float) -> None:
        """Take in an answer to some part of the chain: the end, or one more stretch."""
        so_far = lookup.trail.so_far if lookup.trail is not None else None
        if so_far is not None:
            reply = _joined(self._text_of(lookup.slot), so_far, reply)
        if reply.kind is not Kind.ALIAS:
            self._end(lookup, reply, channel.name, now)
            return
        lookup.known = b""
        rrtype = RRType(int.from_bytes(lookup.question[-4:-2], "big"))
        lookup.question = encode_question(reply.chain[-1], rrtype)
        # The server that knew the first part most likely knows the rest.
        others = [one for one in self.upstreams.candidates(now) if one is not channel]
        lookup.trail = _Trail(others, self.upstreams.attempts, reply)
        channel.ask(lookup, now)


def _all_failed(trail: _Trail) -> Reply:
    """Say of each server how, in an order that stays the same."""
    failures = trail.failures
    reason = "; ".join(f"{server}: {failures[server].reason}" for server in sorted(failures))
    if trail.so_far is not None:
        reason += f" (asked for {trail.so_far.chain[-1]}, an alias)"
    last = next(reversed(failures.values()))
    return failure(last.rcode, reason)


def _joined(name: str, so_far: Reply, reply: Reply) -> Reply:
    """Two stretches of the chain that starts at `name` as one, or a FAILURE where it goes wrong."""
    repeated = next((target for target in reply.chain if target in (name, *so_far.chain)), None)
    if repeated is not None:
        return failure(reply.rcode, loop_reason(repeated))
    chain = so_far.chain + reply.chain
    if len(chain) > MAX_CHAIN:
        return failure(reply.rcode, length_reason())
    return reply._replace(chain=chain, ttl=min(so_far.ttl, reply.ttl))
