"""Between those who have questions and the channels that put them to nameservers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

from lowatch.config.settings import Nameserver
from lowatch.wire.dns import Reply

from .health import Health
from .response_reader import MismatchObserver, Reader


class Asked(Protocol):
    """A question under way.

    question: as encode_question makes it. sent: monotonic seconds, written by the channel that sends it.
    known: its answer so far, where that is one A record and no more, or reader.DENIED; else b"".
    """

    question: bytes
    sent: float
    known: bytes


class Channel(Protocol):
    """Asks one nameserver, at its pace. name: the server as configured, for reasons and metrics."""

    name: str
    server: Nameserver
    health: Health

    @property
    def load(self) -> int:
        """How many questions it has been asked that have not ended."""

    def ask(self, asked: Asked, now: float) -> None:
        """Queue a question; Environment.done is called for it once, later, never within this call.

        Or Environment.renewed, where the reply says no more than that the answer is still `known`.
        """

    def ask_all(self, questions: Sequence[Asked], now: float) -> None:
        """Queue several."""

    def close(self) -> list[Asked]:
        """Stop, leave no socket, timer or task, and tell nobody: returns what a reply was owed to."""


class QueryObserver(MismatchObserver, Protocol):
    """Told of each query's end, for the metrics."""

    def on_query(self, rcode: str, seconds: float) -> None:
        """rcode: as in Reply. seconds: from sending to the reply, over TCP too where it had to."""

    def on_lag(self, seconds: float, count: int) -> None:
        """As many lookups began that many seconds after they were due."""


Done = Callable[[Channel, Any, Reply, float], None]
"""done(channel, asked, reply, now): how a question put to that channel's nameserver ended."""


Renewed = Callable[[Any, int, float], None]
"""renewed(asked, ttl, now): its answer is what is known, and good for another `ttl` seconds."""


@dataclass(frozen=True, slots=True)
class Environment:
    """What a channel needs of its surroundings.

    now: monotonic seconds. batch_over: called when all replies that had come were taken, and there is room
    for as many questions. spread: whether to send in small bursts.
    """

    now: Callable[[], float]
    observer: QueryObserver
    reader: Reader
    done: Done
    renewed: Renewed
    batch_over: Callable[[], None]
    spread: bool = False

    def answering(self, done: Done) -> Environment:
        """The same surroundings, where somebody else is told of what ends."""
        return replace(self, done=done)


class Pace(NamedTuple):
    """timeout: seconds to wait for a reply. max_qps: queries in any one second. spread: see RateLimit."""

    timeout: float
    max_qps: int
    spread: bool = False
