"""A channel queries one nameserver; a ReplySink receives the end of each query."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple, Protocol

from lowatch.config.settings import Nameserver
from lowatch.core.clock import Clock
from lowatch.wire.dns import Reply

from .health import Health
from .response_reader import MismatchObserver, ResponseReader


class Question(Protocol):
    """A question under way.

    section: its question section, as encode_question makes it. sent: monotonic seconds, written by the
    channel that sends it. known: the answer so far if that is a single A record, or wire.dns.DENIED
    if the name is known to have no such record; otherwise b"".
    """

    section: bytes
    sent: float
    known: bytes


class Channel(Protocol):
    """Queries one nameserver. name: the server as configured, for reasons and metrics."""

    name: str
    server: Nameserver
    health: Health

    @property
    def load(self) -> int:
        """The number of questions that have not ended."""

    def ask(self, question: Question, now: float) -> None:
        """Queue a question. The sink learns of its end once, never within this call."""

    def ask_all(self, questions: Sequence[Question], now: float) -> None:
        """Queue several questions."""

    def close(self) -> list[Question]:
        """Stop, and leave no socket, timer or task. Returns the questions whose end was not reported."""


class ReplySink(Protocol):
    """Receives from channels how each question ended. now: monotonic seconds."""

    def on_reply(self, channel: Channel, question: Any, reply: Reply, now: float) -> None:
        """The question has ended, with a reply or a failure."""

    def on_renewed(self, question: Any, ttl: int, now: float) -> None:
        """The question has ended: its `known` answer still holds, for another `ttl` seconds."""

    def on_batch_over(self) -> None:
        """All replies that had arrived were reported; there is room for as many new questions."""

    def on_recovery(self) -> None:
        """A server that had been given up replies again. The reply itself follows."""


class QueryObserver(MismatchObserver, Protocol):
    """Counts queries, for the metrics."""

    def on_asking(self, names: Collection[bytes], now: float) -> None:
        """These names are about to be queried, as encode_name() has them. now: monotonic seconds."""

    def on_query(self, rcode: str, seconds: float) -> None:
        """A query ended. rcode: as in Reply. seconds: from sending to the reply, TCP included."""

    def on_lag(self, seconds: float, count: int) -> None:
        """`count` lookups began `seconds` after they were due."""


class Pace(NamedTuple):
    """timeout: seconds to wait for a reply. max_qps: queries in any second. spread: see RateLimit."""

    timeout: float
    max_qps: int
    spread: bool = False


@dataclass(frozen=True, slots=True)
class ChannelContext:
    """What all channels of an engine share. random: draws ids and letter case; must be unpredictable."""

    clock: Clock
    observer: QueryObserver
    reader: ResponseReader
    random: Random


class ChannelFactory(Protocol):
    """Opens channels: over sockets, or to simulated nameservers."""

    def open(self, server: Nameserver, pace: Pace, sink: ReplySink) -> Channel:
        """A channel to that server. It opens its sockets with the first question."""
