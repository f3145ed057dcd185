"""Which nameserver is asked first, and what becomes of those that are silent."""

from __future__ import annotations

from collections.abc import Sequence

from lowatch.config.settings import DnsSettings, Nameserver
from lowatch.resolve.nameservers import Nameservers
from lowatch.resolve.upstream.channel import Channel, Pace, Question, ReplySink
from lowatch.resolve.upstream.health import Health
from lowatch.resolve.upstream.upstreams import PROBES_IN_FLIGHT, Upstreams
from lowatch.wire.dns import Reply
from tests.unit.resolve.scripted_channels import UnusedSink

FIRST, SECOND = Nameserver("192.0.2.1"), Nameserver("192.0.2.2")


class ScriptedChannel:
    """owed: the questions that close() gives back."""

    def __init__(self, server: Nameserver, pace: Pace) -> None:
        self.server, self.pace = server, pace
        self.name = str(server)
        self.health = Health()
        self.load = 0
        self.owed: list[Question] = []
        self.closed = False

    def ask(self, question: Question, now: float) -> None:
        raise AssertionError("nothing is asked here")

    def ask_all(self, questions: Sequence[Question], now: float) -> None:
        raise AssertionError("nothing is asked here")

    def close(self) -> list[Question]:
        self.closed = True
        return self.owed


class Channels:
    def __init__(self) -> None:
        self.opened: list[ScriptedChannel] = []

    def open(self, server: Nameserver, pace: Pace, sink: ReplySink) -> Channel:
        self.opened.append(ScriptedChannel(server, pace))
        return self.opened[-1]


class Sink(UnusedSink):
    def __init__(self) -> None:
        self.replies: list[tuple[object, str]] = []

    def on_reply(self, channel: Channel, question: object, reply: Reply, now: float) -> None:
        self.replies.append((question, reply.reason))


def opened(*servers: Nameserver, rotate: bool = False) -> tuple[Upstreams, Channels, Sink]:
    channels, sink = Channels(), Sink()
    upstreams = Upstreams(channels, sink, spread=False)
    upstreams.replace(Nameservers(servers, rotate=rotate), DnsSettings(), 0.0)
    return upstreams, channels, sink


def first(upstreams: Upstreams, now: float) -> Nameserver | None:
    channel = upstreams.first(now)
    return None if channel is None else channel.server


def test_the_first_is_asked_as_long_as_it_replies() -> None:
    upstreams, channels, _ = opened(FIRST, SECOND)
    assert upstreams.steady is channels.opened[0]
    assert [first(upstreams, 0.0) for _ in range(3)] == [FIRST] * 3
    channels.opened[0].health.note_silence(10.0)
    assert upstreams.steady is None
    assert first(upstreams, 10.0) == SECOND
    channels.opened[0].health.note_reply()
    assert first(upstreams, 10.0) == FIRST


def test_rotated_they_take_turns() -> None:
    upstreams, _, _ = opened(FIRST, SECOND, rotate=True)
    assert upstreams.steady is None
    assert {first(upstreams, 0.0), first(upstreams, 0.0)} == {FIRST, SECOND}


def test_where_all_are_silent_a_few_queries_go_to_see() -> None:
    upstreams, channels, _ = opened(FIRST)
    [channel] = channels.opened
    channel.health.note_silence(0.0, "refused", refused=True)
    assert upstreams.outage
    assert first(upstreams, 0.0) == FIRST
    channel.load = PROBES_IN_FLIGHT
    assert first(upstreams, 0.0) is None
    assert upstreams.nobody().reason == "192.0.2.1: refused"


def test_without_a_nameserver_there_is_nobody() -> None:
    upstreams, _, _ = opened()
    assert first(upstreams, 0.0) is None
    assert upstreams.nobody().reason == "no nameserver known"


def test_one_that_stays_keeps_its_channel_and_what_was_asked_of_another_fails() -> None:
    upstreams, channels, sink = opened(FIRST, SECOND)
    channels.opened[1].owed = ["asked"]  # type: ignore[list-item]  # passed on as it is
    upstreams.replace(Nameservers((FIRST,)), DnsSettings(), 1.0)
    assert [channel.closed for channel in channels.opened] == [False, True]
    assert sink.replies == [("asked", "no longer configured as a nameserver")]


def test_another_pace_opens_all_again() -> None:
    upstreams, channels, _ = opened(FIRST)
    upstreams.replace(Nameservers((FIRST,)), DnsSettings(max_qps=7), 1.0)
    assert [(channel.closed, channel.pace.max_qps) for channel in channels.opened] == [
        (True, DnsSettings().max_qps),
        (False, 7),
    ]
