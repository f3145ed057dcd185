"""RequestSocket when the kernel's answers are lost, mixed up or cut short: an error, and a new socket."""

from __future__ import annotations

import errno

import pytest

from lowatch.kernel import request_socket as netlink
from lowatch.kernel.request_socket import NetlinkError, RequestSocket, Unkept, batches
from lowatch.wire.netlink import HEADER, NLM_F_DUMP_INTR
from tests.unit.kernel.scripted_socket import (
    INTERRUPTED_DONE,
    NO_REPLY,
    OVERRUN,
    Said,
    ScriptedSocket,
    Sockets,
    done,
    error,
    message,
)

REQUESTS = batches([b"ask0", b"ask1", b"ask2"])
REPLIES = [message(24, b"body", sequence) for sequence in range(3)]
ROW = message(20, b"row!")


def asking(monkeypatch: pytest.MonkeyPatch, *scripts: list[Said]) -> tuple[RequestSocket, Sockets]:
    sockets = Sockets(*(ScriptedSocket(*script) for script in scripts))
    monkeypatch.setattr(netlink, "open_socket", sockets.open)
    return RequestSocket(0), sockets


def test_one_reply_for_each_request(monkeypatch: pytest.MonkeyPatch) -> None:
    asker, sockets = asking(monkeypatch, [*REPLIES, *REPLIES])
    assert asker.ask(REQUESTS) == REPLIES
    assert asker.ask(REQUESTS) == REPLIES
    assert (sockets.opened, sockets.sockets[0].sent) == (1, [b"ask0ask1ask2"] * 2)


def test_a_long_reply_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A route through many next hops, say: recv() loses the octets for which there is no room."""
    cut, whole = [message(24, bytes(size), 1) for size in (479 - HEADER.size, 2000)]
    long = [REPLIES[0], whole, REPLIES[2]]
    asker, sockets = asking(monkeypatch, [REPLIES[0], cut, REPLIES[2], *long])
    assert asker.ask(REQUESTS) == long
    assert (sockets.opened, sockets.sockets[0].sent) == (1, [b"ask0ask1ask2"] * 2)
    assert [size < 2000 for size in sockets.sockets[0].rooms] == [True] * 3 + [False] * 3


def test_nothing_asked_nothing_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    asker, sockets = asking(monkeypatch, [])
    assert asker.ask([]) == []
    assert sockets.sockets[0].sent == []


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ([NO_REPLY], "the kernel sent no reply"),
        ([*REPLIES[:2], NO_REPLY], "the kernel sent no reply"),
        ([*REPLIES[:2], OVERRUN], "replies were lost: the receive buffer overran"),
        ([OSError(errno.ECONNREFUSED, "Connection refused")], "Connection refused"),
        ([REPLIES[0], REPLIES[2], message(24, b"", 3)], "replies came out of step"),
        ([message(24, b"", 9), *REPLIES], "replies came out of step"),
        ([REPLIES[0], REPLIES[0], REPLIES[1]], "replies came out of step"),
        ([*REPLIES[:2], b""], "replies came out of step"),
        ([*REPLIES[:2], REPLIES[2][:15]], "replies came out of step"),
    ],
    ids=[
        "none", "one lost", "overrun", "refused", "one lost, another's came", "one left over", "one twice",
        "an empty one", "a short one",
    ],
)  # fmt: skip
def test_replies_that_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch, said: list[Said], reason: str
) -> None:
    """What else may be queued goes with the socket: the next question gets its own answer."""
    asker, sockets = asking(monkeypatch, said, REPLIES)
    with pytest.raises(NetlinkError, match=reason):
        asker.ask(REQUESTS)
    assert sockets.sockets[0].closed
    assert asker.ask(REQUESTS) == REPLIES
    assert sockets.opened == 2


def test_socket_refused_altogether(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_protocol: int) -> ScriptedSocket:
        raise NetlinkError("cannot open a netlink socket: Operation not permitted")

    monkeypatch.setattr(netlink, "open_socket", refused)
    for act in (lambda: RequestSocket(0).ask(REQUESTS), lambda: RequestSocket(0).dump(b"dump")):
        with pytest.raises(NetlinkError, match="Operation not permitted"):
            act()


def test_batches_fit_a_receive_buffer() -> None:
    """A send() whose replies overran the buffer of 208 KiB would lose some for certain."""
    requests = [b"%04d" % i for i in range(150)]
    found = batches(requests)
    assert [count for _, count in found] == [64, 64, 22]
    assert b"".join(batch for batch, _ in found) == b"".join(requests)


def test_dump_ends_with_done(monkeypatch: pytest.MonkeyPatch) -> None:
    asker, sockets = asking(monkeypatch, [ROW + ROW, ROW + done()])
    assert [len(one.spans) for one in asker.dump(b"dump")] == [2, 2]
    assert sockets.sockets[0].sent == [b"dump"]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ([NO_REPLY], "the kernel sent no reply"),
        ([ROW, NO_REPLY], "the kernel sent no reply"),
        ([ROW, OVERRUN], "replies were lost"),
        ([ROW, done(errno.EINTR)], "Interrupted system call"),
        ([error(errno.EPERM)], "Operation not permitted"),
        ([ROW, error(errno.EBUSY)], "Device or resource busy"),
        ([error(0)], "a dump ended without an end"),
        ([ROW, b""], "an empty datagram"),
        ([b""] * 1000, "an empty datagram"),
        ([ROW[:10]], "no room for a header"),
        ([ROW[:-1]], "a message of 20 octets"),
    ],
    ids=[
        "none", "no end", "overrun", "failed at its end", "refused", "failed", "no error", "an empty one",
        "nothing but empty ones", "a short one", "a cut one",
    ],
)  # fmt: skip
def test_dump_that_fails(monkeypatch: pytest.MonkeyPatch, said: list[Said], reason: str) -> None:
    asker, sockets = asking(monkeypatch, said, [ROW, done()])
    with pytest.raises(NetlinkError, match=reason):
        asker.dump(b"dump")
    assert sockets.sockets[0].closed
    assert [one.data for one in asker.dump(b"dump")] == [ROW, done()]
    assert sockets.opened == 2


INTERRUPTED_ROW = message(20, b"row!", flags=NLM_F_DUMP_INTR)


@pytest.mark.parametrize(
    ("said", "used", "asked"),
    [
        ([INTERRUPTED_ROW, done(), ROW, done()], [ROW, done()], 2),
        ([ROW, INTERRUPTED_DONE, ROW, done()], [ROW, done()], 2),
        ([INTERRUPTED_ROW, done()] * 2 + [ROW, done()], [ROW, done()], 3),
        ([INTERRUPTED_ROW, done()] * 9, [INTERRUPTED_ROW, done()], 3),
    ],
    ids=["once", "marked at its end", "twice", "always"],
)
def test_interrupted_dump_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, said: list[Said], used: list[bytes], asked: int
) -> None:
    """A bounded number of times: under churn nearly all carry the mark (docs/internals/kernel.md)."""
    asker, sockets = asking(monkeypatch, said)
    found = asker.dump(b"dump")
    assert [one.data for one in found] == used
    assert len(sockets.sockets[0].sent) == asked
    assert any(one.interrupted for one in found) == (used[0] is INTERRUPTED_ROW)


def test_same_datagrams_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep compares ten thousand rows with one comparison of octets."""
    other = message(20, b"ROW!")
    asker, _ = asking(monkeypatch, [ROW, ROW, done(), ROW, other, done(), ROW, done()])
    first, second, third = (asker.dump(b"dump") for _ in range(3))
    assert [isinstance(one.spans, Unkept) for one in second] == [True, False, True]
    assert [one.data for one in second] == [ROW, other, done()]
    assert [one.data for one in third] == [ROW, done()]
    assert [list(one.spans) for one in third] == [list(first[0].spans), list(first[2].spans)]
    assert third[0].spans[0] == first[0].spans[0]


def test_dumps_of_several_requests_do_not_mix(monkeypatch: pytest.MonkeyPatch) -> None:
    asker, _ = asking(monkeypatch, [ROW, done(), done(), ROW, done(), done()])
    for _ in range(2):
        assert [one.data for one in asker.dump(b"one")] == [ROW, done()]
        assert [one.data for one in asker.dump(b"two")] == [done()]


def test_close_and_ask_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asker, sockets = asking(monkeypatch, REPLIES, REPLIES)
    asker.close()
    assert asker.ask(REQUESTS) == REPLIES
    asker.close()
    asker.close()
    assert sockets.sockets[0].closed
    assert asker.ask(REQUESTS) == REPLIES
