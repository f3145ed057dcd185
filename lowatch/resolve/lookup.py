"""One name and type, asked of servers in turn until one of them knows; its CNAME chain followed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from lowatch.wire.dns import MAX_CHAIN, Kind, Reply, encode_question, failure, length_reason, loop_reason

from .channel import Channel
from .names import Track
from .state import Outcome
from .upstreams import Upstreams

_NO_SERVER = Outcome(failure("UNREACHABLE", "no nameserver is known"))


class Lookup:
    """Calls `done(track, outcome, now)` once, never from within `start`.

    Each server is asked once a round. A second round asks only those that were silent: one that
    refused, or failed to find out, would do so again.
    """

    __slots__ = (
        "_done", "_failures", "_question", "_round", "_rounds_left", "_silent", "_so_far", "_track",
        "_upstreams",
    )  # fmt: skip

    def __init__(
        self, track: Track, upstreams: Upstreams, done: Callable[[Track, Outcome, float], None]
    ) -> None:
        self._track = track
        self._upstreams = upstreams
        self._done = done
        self._so_far: Reply | None = None  # an ALIAS: the chain up to the name asked for now

    def start(self, now: float) -> None:
        self._ask(self._track.question, now)

    def _ask(self, question: bytes, now: float) -> None:
        """Put a question: the domain's own, or that for the last alias's target."""
        self._question = question
        self._round = self._upstreams.candidates(now)
        self._rounds_left = self._upstreams.attempts - 1
        self._silent: list[Channel] = []
        self._failures: dict[str, Reply] = {}
        if self._round:
            self._ask_next(now)
        else:
            asyncio.get_running_loop().call_soon(self._done, self._track, _NO_SERVER, now)

    def _ask_next(self, now: float) -> None:
        if not self._round and self._rounds_left > 0:
            self._rounds_left -= 1
            self._round, self._silent = self._silent, []
        if self._round:
            self._round.pop(0).ask(self._question, self._on_reply, now)
        else:
            self._fail(now)

    def _on_reply(self, channel: Channel, reply: Reply, now: float) -> None:
        if reply.kind is not Kind.FAILURE:
            self._advance(channel.name, reply, now)
            return
        self._failures[channel.name] = reply
        if reply.rcode == "TIMEOUT":
            self._silent.append(channel)
        self._ask_next(now)

    def _advance(self, server: str, reply: Reply, now: float) -> None:
        """Take in an answer: the end, or one more stretch of the chain."""
        track = self._track
        if self._so_far is not None:
            reply = _joined(track.domain, self._so_far, reply)
        if reply.kind is Kind.ALIAS:
            self._so_far = reply
            self._ask(encode_question(reply.chain[-1], track.rrtype), now)
        else:
            self._done(track, Outcome(reply, server), now)

    def _fail(self, now: float) -> None:
        """Every server failed: say of each how, in an order that stays the same."""
        failures = self._failures
        reason = "; ".join(f"{server}: {failures[server].reason}" for server in sorted(failures))
        if self._so_far is not None:
            reason += f" (asked for {self._so_far.chain[-1]}, an alias)"
        last = next(reversed(failures.values()))
        self._done(self._track, Outcome(failure(last.rcode, reason)), now)


def _joined(name: str, so_far: Reply, reply: Reply) -> Reply:
    """Two stretches of the chain that starts at `name` as one, or a FAILURE where it goes wrong."""
    repeated = next((target for target in reply.chain if target in (name, *so_far.chain)), None)
    if repeated is not None:
        return failure(reply.rcode, loop_reason(repeated))
    chain = so_far.chain + reply.chain
    if len(chain) > MAX_CHAIN:
        return failure(reply.rcode, length_reason())
    return reply._replace(chain=chain, ttl=min(so_far.ttl, reply.ttl))
