"""One name and type, asked of servers in turn until one of them knows; its CNAME chain followed."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from functools import partial

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

from .channel import Channel
from .state import Outcome
from .upstreams import Upstreams

_NO_SERVER = Outcome(failure("UNREACHABLE", "no nameserver is known"))


class Lookup:
    """Calls `done(outcome)` once, never from within `start`.

    Each server is asked once a round. A second round asks only those that were silent: one that
    refused, or failed to find out, would do so again.
    """

    __slots__ = (
        "_done", "_failures", "_name", "_question", "_round", "_rounds_left", "_rrtype", "_silent",
        "_so_far", "_upstreams",
    )  # fmt: skip

    def __init__(
        self, name: str, rrtype: RRType, upstreams: Upstreams, done: Callable[[Outcome], None]
    ) -> None:
        self._name = name
        self._rrtype = rrtype
        self._upstreams = upstreams
        self._done = done
        self._so_far: Reply | None = None  # an ALIAS: the chain up to the name asked for now

    def start(self) -> None:
        self._ask(self._name)

    def _ask(self, name: str) -> None:
        """Put the question for `name`: the domain's own, or the last alias's target."""
        self._question = encode_question(name, self._rrtype)
        self._round = deque(self._upstreams.candidates())
        self._rounds_left = self._upstreams.attempts - 1
        self._silent: list[Channel] = []
        self._failures: dict[str, Reply] = {}
        if self._round:
            self._ask_next()
        else:
            asyncio.get_running_loop().call_soon(self._done, _NO_SERVER)

    def _ask_next(self) -> None:
        if not self._round and self._rounds_left > 0:
            self._rounds_left -= 1
            self._round.extend(self._silent)
            self._silent.clear()
        if self._round:
            channel = self._round.popleft()
            channel.ask(self._question, partial(self._on_reply, channel))
        else:
            self._fail()

    def _on_reply(self, channel: Channel, reply: Reply) -> None:
        if reply.kind is not Kind.FAILURE:
            self._advance(str(channel.server), reply)
            return
        self._failures[str(channel.server)] = reply
        if reply.rcode == "TIMEOUT":
            self._silent.append(channel)
        self._ask_next()

    def _advance(self, server: str, reply: Reply) -> None:
        """Take in an answer: the end, or one more stretch of the chain."""
        if self._so_far is not None:
            reply = _joined(self._name, self._so_far, reply)
        if reply.kind is Kind.ALIAS:
            self._so_far = reply
            self._ask(reply.chain[-1])
        else:
            self._done(Outcome(reply, server))

    def _fail(self) -> None:
        """Every server failed: say of each how, in an order that stays the same."""
        failures = self._failures
        reason = "; ".join(f"{server}: {failures[server].reason}" for server in sorted(failures))
        if self._so_far is not None:
            reason += f" (asked for {self._so_far.chain[-1]}, an alias)"
        last = next(reversed(failures.values()))
        self._done(Outcome(failure(last.rcode, reason)))


def _joined(name: str, so_far: Reply, reply: Reply) -> Reply:
    """Two stretches of the chain that starts at `name` as one, or a FAILURE where it goes wrong."""
    repeated = next((target for target in reply.chain if target in (name, *so_far.chain)), None)
    if repeated is not None:
        return failure(reply.rcode, loop_reason(repeated))
    chain = so_far.chain + reply.chain
    if len(chain) > MAX_CHAIN:
        return failure(reply.rcode, length_reason())
    return replace(reply, chain=chain, ttl=min(so_far.ttl, reply.ttl))
