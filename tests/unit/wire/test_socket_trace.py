"""The lines of trace_pipe about sockets, as the kernel writes them and as nobody should."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowatch.core.addresses import parse_address
from lowatch.wire.socket_trace import (
    MAX_LINE,
    Traced,
    TracedConnect,
    TracedListener,
    TraceLost,
    TraceReader,
)

VIP, VIP6 = map(parse_address, ("192.0.2.10", "2001:db8::10"))
MAPPED = b"::ffff:192.0.2.10"
CURL = TracedConnect("curl", 12639, 1220.798972, VIP, 80, 39428)


def connect(
    name: bytes = b"curl",
    *,
    thread: bytes = b"12639",
    flags: bytes = b".....",
    to: bytes = b"::ffff:192.0.2.10",
) -> bytes:
    """A line as Linux 6.18 writes it."""
    return b"%16b-%-7b [001] %b  1220.798972: %b sport=39428 dport=80 %b oldstate=TCP_SYN_SENT %b\n" % (
        name,
        thread,
        flags,
        b"inet_sock_set_state: family=AF_INET protocol=IPPROTO_TCP",
        b"saddr=192.0.2.10 daddr=192.0.2.10 saddrv6=%b daddrv6=%b" % (to, to),
        b"newstate=TCP_CLOSE",
    )


LISTEN = (
    b"         python3-12640   [001] ..... 1220.9: inet_sock_set_state: family=AF_INET6 "
    b"protocol=IPPROTO_TCP sport=80 dport=0 saddr=0.0.0.0 daddr=0.0.0.0 saddrv6=:: daddrv6=:: "
    b"oldstate=TCP_CLOSE newstate=TCP_LISTEN\n"
)


def events(*data: bytes, is_wanted: Callable[[bytes], bool] | None = bool) -> list[Traced]:
    reader = TraceReader()
    return [event for one in data for event in reader.feed(one, is_wanted)]


def test_a_failed_connect() -> None:
    assert events(connect()) == [CURL]
    assert events(connect(to=b"2001:db8::10")) == [CURL._replace(address=VIP6)]


def test_a_listener() -> None:
    assert events(LISTEN) == [TracedListener(parse_address("::"), 80)]


def test_lost_events() -> None:
    assert events(b"CPU:1 [LOST 123 EVENTS]\nCPU:0 [LOST EVENTS]\n") == [TraceLost(123), TraceLost(None)]


def test_lines_come_in_pieces() -> None:
    text = connect() + LISTEN + b"CPU:1 [LOST 1 EVENTS]\n"
    assert events(*(text[at : at + 1] for at in range(len(text)))) == events(text)


@pytest.mark.parametrize("is_wanted", [None, b"2001:db8::10".__eq__])
def test_connects_that_are_not_wanted_are_left_out(is_wanted: Callable[[bytes], bool] | None) -> None:
    text = connect() + LISTEN + connect() + b"CPU:1 [LOST 1 EVENTS]\n"
    assert events(text, is_wanted=is_wanted) == [TracedListener(parse_address("::"), 80), TraceLost(1)]


@pytest.mark.parametrize("flags", [b"..s1.", b"d.h..", b"..H1.", b"..s.", b"dNZ5."])
def test_in_an_interrupt_the_thread_is_somebody_elses(flags: bytes) -> None:
    assert events(connect(b"ksoftirqd/0", flags=flags)) == [CURL._replace(program=None, thread=None)]


@pytest.mark.parametrize("flags", [b".....", b"d....", b".N...", b"...1.", b"...."])
def test_in_a_thread_it_is_its_own(flags: bytes) -> None:
    assert events(connect(flags=flags)) == [CURL]


def test_a_name_that_the_kernel_has_forgotten() -> None:
    assert events(connect(b"<...>")) == [CURL._replace(program=None)]


def test_the_process_may_stand_beside_the_thread() -> None:
    """trace_options has record-tgid."""
    for process in (b"( 12000)", b"(-------)"):
        assert events(connect().replace(b" [001]", process + b" [001]")) == [CURL]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"tmux: server", "tmux: server"),
        (b"a-1 [001] .....", "a-1 [001] ....."),
        (b"-", "-"),
        (b"", ""),
        (b"caf\xc3\xa9", "caf\u00e9"),
        (b"\xff\x1b[2J", "\\xff\x1b[2J"),
        (b"first\nsecond", "second"),
        (b"inet_sock_set_s", "inet_sock_set_s"),
        (b"CPU:1 [LOST 1 E", "CPU:1 [LOST 1 E"),
    ],
)
def test_a_program_chooses_its_name(name: bytes, shown: str) -> None:
    assert events(connect(name)) == [CURL._replace(program=shown)]


@given(st.binary(max_size=15).filter(lambda name: b"\0" not in name))
def test_no_name_hides_or_forges_an_event(name: bytes) -> None:
    found = events(connect(), connect(name), LISTEN)
    assert found[0] == CURL
    assert len(found) == 3
    assert isinstance(found[1], TracedConnect)
    assert found[1]._replace(program="curl") == CURL or found[1].program is None
    assert found[2] == events(LISTEN)[0]


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"nothing of the kind\n",
        connect().replace(b"TCP_SYN_SENT", b"TCP_ESTABLISHED"),
        connect().replace(b"IPPROTO_TCP", b"IPPROTO_MPTCP"),
        connect().replace(b"sport=39428", b"sport=65536"),
        connect(to=b"1:2"),
        connect(to=b"::ffff:192.0.2.256"),
        connect().replace(b"inet_sock_set_state", b"sched_switch"),
        connect(thread=b"99999999999"),
        LISTEN.replace(b"saddrv6=::", b"saddrv6=:::"),
    ],
)
def test_other_lines_are_ignored(line: bytes) -> None:
    assert events(line, connect()) == [CURL]


def test_a_line_without_end_takes_no_memory() -> None:
    reader = TraceReader()
    for _ in range(100):
        assert not list(reader.feed(b"x-1 [0] y: -" * 1000, bool))
    assert len(reader._rest) <= MAX_LINE  # noqa: SLF001  # nothing else shows it
    assert list(reader.feed(b"\n" + connect(), bool)) == [CURL]


@given(
    st.lists(st.one_of(st.binary(max_size=60), st.sampled_from([connect()[:90], LISTEN[40:], b"CPU:1 ["])))
)
def test_anything_may_be_read(pieces: list[bytes]) -> None:
    for event in events(*pieces):
        assert isinstance(event, TracedConnect | TracedListener | TraceLost)
