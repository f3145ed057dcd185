"""Channels without sockets: they remember what they were asked, and a test says how it ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lowatch.config.settings import Nameserver
from lowatch.resolve.upstream.channel import Channel, Pace, ReplySink
from lowatch.resolve.upstream.health import Health
from lowatch.wire.dns import Reply


class ScriptedChannel:
    """asked: the questions that have not ended, in order."""

    def __init__(self, server: Nameserver, pace: Pace, sink: ReplySink) -> None:
        self.server = server
        self.name = str(server)
        self.pace = pace
        self.health = Health()
        self.asked: list[Any] = []
        self._sink = sink

    @property
    def load(self) -> int:
        return len(self.asked)

    def ask(self, question: Any, now: float) -> None:
        self.ask_all([question], now)

    def ask_all(self, questions: Sequence[Any], now: float) -> None:
        self.asked += questions

    def close(self) -> list[Any]:
        asked, self.asked = self.asked, []
        return asked

    def reply(self, reply: Reply, now: float) -> None:
        """The oldest question ends like this."""
        self._sink.on_reply(self, self.asked.pop(0), reply, now)


class ScriptedChannels:
    """A ChannelFactory."""

    def __init__(self) -> None:
        self.opened: list[ScriptedChannel] = []

    def open(self, server: Nameserver, pace: Pace, sink: ReplySink) -> ScriptedChannel:
        self.opened.append(ScriptedChannel(server, pace, sink))
        return self.opened[-1]


class UnusedSink:
    """A ReplySink of a test in which no channel reports anything."""

    def on_reply(self, channel: Channel, question: Any, reply: Reply, now: float) -> None:
        raise AssertionError

    def on_renewed(self, question: Any, ttl: int, now: float) -> None:
        raise AssertionError

    def on_batch_over(self) -> None:
        raise AssertionError

    def on_recovery(self) -> None:
        raise AssertionError
