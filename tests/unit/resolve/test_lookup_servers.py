"""One lookup, from server to server and along its chain, without a socket."""

from __future__ import annotations

import pytest

from lowatch.config.settings import DnsSettings, Nameserver
from lowatch.core.addresses import parse_address
from lowatch.resolve.lookup import Lookup, Lookups
from lowatch.resolve.nameservers import Nameservers
from lowatch.resolve.records.name_table import NameTable
from lowatch.resolve.upstream.upstreams import Upstreams
from lowatch.wire.dns import MAX_CHAIN, Reply, ReplyKind, RRType, encode_question, failure
from tests.unit.resolve.scripted_channels import ScriptedChannel, ScriptedChannels, UnusedSink

NAME, TARGET = "www.example.com", "cdn.example.net"
FOUND = Reply(ReplyKind.ADDRESSES, "NOERROR", (parse_address("192.0.2.10"),), ttl=60)
TIMEOUT, SERVFAIL = failure("TIMEOUT", "no reply"), failure("SERVFAIL", "SERVFAIL")


class Asking:
    def __init__(self, servers: int, attempts: int = 1) -> None:
        channels, names = ScriptedChannels(), NameTable()
        names.configure([NAME])
        upstreams = Upstreams(channels, UnusedSink(), spread=False)
        hosts = tuple(Nameserver(f"192.0.2.{number}") for number in range(1, servers + 1))
        upstreams.replace(Nameservers(hosts, attempts=attempts), DnsSettings(), 0.0)
        self.channels = channels.opened
        self.lookups = Lookups(upstreams, names)
        question = names.questions[0]
        self.lookup = Lookup(0, question, question, b"")
        self.unasked = self.lookups.start([self.lookup], 0.0)

    @property
    def asked(self) -> list[ScriptedChannel]:
        return [channel for channel in self.channels if channel.asked]

    def reply(self, reply: Reply) -> Reply | None:
        """What the lookup came to with this reply of the server that was asked."""
        [channel] = self.asked
        channel.asked.clear()
        outcome = self.lookups.advance(channel, self.lookup, reply, 0.0)
        return None if outcome is None else outcome.reply


def test_the_first_answer_is_the_end() -> None:
    asking = Asking(servers=2)
    assert asking.reply(FOUND) is FOUND
    assert asking.asked == []


def test_the_next_server_is_asked_once_one_fails() -> None:
    asking = Asking(servers=2)
    assert asking.reply(SERVFAIL) is None
    assert asking.asked == [asking.channels[1]]
    assert asking.reply(FOUND) is FOUND


def test_all_failures_are_in_the_reason() -> None:
    asking = Asking(servers=2)
    assert asking.reply(SERVFAIL) is None
    assert asking.reply(TIMEOUT) == failure("TIMEOUT", "192.0.2.1: SERVFAIL; 192.0.2.2: no reply")


def test_a_second_round_asks_only_silent_servers() -> None:
    asking = Asking(servers=2, attempts=2)
    assert asking.reply(TIMEOUT) is None
    assert asking.reply(SERVFAIL) is None
    assert asking.asked == [asking.channels[0]]
    assert asking.reply(FOUND) is FOUND


def test_without_a_server_nobody_is_asked() -> None:
    asking = Asking(servers=0)
    assert asking.unasked == [asking.lookup]


def test_an_alias_is_followed_at_the_same_server() -> None:
    asking = Asking(servers=2)
    assert asking.reply(Reply(ReplyKind.ALIAS, "NOERROR", chain=(TARGET,), ttl=30)) is None
    assert asking.asked == [asking.channels[0]]
    assert asking.lookup.section == encode_question(TARGET, RRType.A)
    assert asking.reply(FOUND) == FOUND._replace(chain=(TARGET,), ttl=30)


@pytest.mark.parametrize(
    ("chain", "reason"),
    [
        ((NAME,), f"CNAME loop at {NAME}"),
        (
            tuple(f"n{number}.test" for number in range(MAX_CHAIN)),
            f"a chain of more than {MAX_CHAIN} CNAMEs",
        ),
    ],
)
def test_a_chain_has_an_end(chain: tuple[str, ...], reason: str) -> None:
    asking = Asking(servers=1)
    assert asking.reply(Reply(ReplyKind.ALIAS, "NOERROR", chain=(TARGET,), ttl=30)) is None
    ended = asking.reply(Reply(ReplyKind.ALIAS, "NOERROR", chain=chain, ttl=30))
    assert ended is not None
    assert (ended.kind, ended.reason) == (ReplyKind.FAILURE, reason)
