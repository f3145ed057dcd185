"""The lines of tracefs' trace_pipe about sockets: who failed to connect, and who begins to listen.

    curl-12639   [001] ..... 1220.798972: inet_sock_set_state: family=AF_INET protocol=IPPROTO_TCP
    sport=39428 dport=80 saddr=192.0.2.10 daddr=192.0.2.10 saddrv6=::ffff:192.0.2.10
    daddrv6=::ffff:192.0.2.10 oldstate=TCP_SYN_SENT newstate=TCP_CLOSE

is one line (trace_print_context(), kernel/trace/trace_output.c; include/trace/events/sock.h). A program
chooses its own name, of up to 15 octets, line feeds included. So a line is read from what the kernel writes
after the name, and a name after a line feed is only its end. Nothing else can be forged by a name: the rest
of a line is longer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

from lowatch.core.addresses import Address, parse_address, unmapped

MAX_LINE = 4096
"""Octets of a line that is not complete yet. A whole one has 350."""
_LINE = re.compile(
    rb"^(?P<lost>CPU:\d+ \[LOST (?:(?P<number>\d{1,18}) )?EVENTS\])$"
    rb"|^(?P<name>.*)-(?P<thread>\d{1,10}) +(?:\( *[-\d]+\) +)?\[\d+\] (?P<flags>\S{4,9}) +"
    rb"(?P<at>\d{1,12}\.\d{1,9}): inet_sock_set_state: family=AF_INET6? protocol=IPPROTO_TCP "
    rb"sport=(?P<sport>\d{1,5}) dport=(?P<dport>\d{1,5}) saddr=\S+ daddr=\S+ "
    rb"saddrv6=(?P<saddr>[\da-f:.]{2,45}) daddrv6=(?P<daddr>[\da-f:.]{2,45}) "
    rb"oldstate=TCP_(?:SYN_SENT newstate=TCP_CLOSE|CLOSE newstate=TCP_(?P<listens>LISTEN))$"
)
_RARE = b" EVENTS]", b"TCP_LISTEN"
"""How the lines end that are always read."""
_FAILED = b"TCP_CLOSE"
_ADDRESS, _AFTER_ADDRESS = b" daddrv6=", b" oldstate="
_UNKNOWN_NAME = b"<...>"
_IN_TASK = 2, b"."
"""Where the flags say that the kernel was at work for this thread, and in no interrupt on top of it."""


class TracedConnect(NamedTuple):
    """A connect that failed, in any network namespace.

    program: the thread's name, up to 15 characters of any kind; None if the kernel has not saved it yet.
    thread: its ID, in the first PID namespace. Both are None if an interrupt was at work: then the thread
    is whichever it has interrupted.
    at: when, by the clock of the trace. address: whom it connected to; never an IPv4-mapped address.
    """

    program: str | None
    thread: int | None
    at: float
    address: Address
    port: int
    source_port: int


class TracedListener(NamedTuple):
    """A socket is about to listen, in some network namespace. A wildcard address is zeros."""

    address: Address
    port: int


class TraceLost(NamedTuple):
    """The kernel has overwritten so many events; None if it does not say how many."""

    number: int | None


Traced = TracedConnect | TracedListener | TraceLost


class TraceReader:
    """Finds the events in what is read of trace_pipe. It ignores all other lines."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes, is_wanted: Callable[[bytes], bool] | None) -> Iterator[Traced]:
        """The events of the lines that are complete with this data, in order.

        is_wanted: tells by an address, as the trace writes it in IPv6, whether failed connects to it are
        wanted. One that is not takes 1 us, and 5 us to read. None: none is.
        """
        whole, _, self._rest = (self._rest + data).rpartition(b"\n")
        self._rest = self._rest[-MAX_LINE:]
        if is_wanted is None and not any(end in whole for end in _RARE):
            return
        for line in whole.split(b"\n"):
            if line.endswith(_RARE) or (
                is_wanted and line.endswith(_FAILED) and is_wanted(_address_of(line))
            ):
                found = _LINE.match(line)
                traced = _traced(found) if found else None
                if traced is not None:
                    yield traced


def _address_of(line: bytes) -> bytes:
    return line[line.rfind(_ADDRESS) + len(_ADDRESS) : line.rfind(_AFTER_ADDRESS)]


def _traced(found: re.Match[bytes]) -> Traced | None:
    """The event of a line; None if its addresses or ports are none."""
    if found["lost"] is not None:
        return TraceLost(None if found["number"] is None else int(found["number"]))
    source_port, port = int(found["sport"]), int(found["dport"])
    if max(source_port, port) > 0xFFFF:
        return None
    try:
        if found["listens"] is not None:
            return TracedListener(_address(found["saddr"]), source_port)
        address = _address(found["daddr"])
    except ValueError:
        return None
    program, thread = None, None
    position, in_task = _IN_TASK
    if found["flags"][position : position + 1] == in_task:
        thread = int(found["thread"])
        name = found["name"].lstrip(b" ")
        if name != _UNKNOWN_NAME:
            program = name.decode("utf-8", "backslashreplace")
    return TracedConnect(program, thread, float(found["at"]), address, port, source_port)


@lru_cache(maxsize=256)
def _address(text: bytes) -> Address:
    """Raises ValueError."""
    return unmapped(parse_address(text.decode("ascii")))
