"""Sockets passed on by systemd: descriptors from 3 on, so in a child process."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import pytest

CHILD = """
import json, logging, os, sys
from lowatch.service.http.activation import passed_sockets, passed_trace
from lowatch.service.http.listen import ListenError
logging.basicConfig(stream=sys.stdout, format="%(message)s")
environ = dict(os.environ)
if environ.pop("OURS"):
    environ["LISTEN_PID"] = str(os.getpid())
try:
    with passed_sockets(environ) as sockets:
        rows = [[s.fileno(), s.getsockname()[1], s.getblocking(), s.get_inheritable()] for s in sockets]
        if (trace := passed_trace(environ)) is not None:
            print("trace", trace, os.get_inheritable(trace))
        print(json.dumps(rows))
except ListenError as error:
    print(json.dumps(str(error)))
"""


Passed = socket.socket | BinaryIO


def passed(sockets: Sequence[Passed], names: str, *, ours: bool = True, count: str = "") -> list[Any]:
    """What a child makes of them: its lines, the last one parsed. count: how many it is told of."""
    count = count or str(len(sockets))
    environ = {**os.environ, "LISTEN_FDS": count, "LISTEN_FDNAMES": names, "LISTEN_PID": "1"}
    descriptors = [one.fileno() for one in sockets]
    # As systemd does it: dup2() to 3, 4... in the child.
    moves = " ".join(f"{3 + number}<&{fd}" for number, fd in enumerate(descriptors))
    ran = subprocess.run(
        ["bash", "-c", f'exec "$@" {moves}', "-", sys.executable, "-c", CHILD],
        env={**environ, "OURS": "yes" if ours else ""},
        pass_fds=descriptors,
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    *lines, last = ran.stdout.splitlines()
    return [*lines, json.loads(last)]


def listener() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


def port(one: socket.socket) -> int:
    found: int = one.getsockname()[1]
    return found


@pytest.mark.parametrize("names", ["web", "lowatch.socket", ""])
def test_the_web_socket(names: str) -> None:
    with listener() as web:
        assert passed([web], names) == [[[3, port(web), False, False]]]


def test_two_of_them_and_one_that_is_not_for_us() -> None:
    with listener() as first, listener() as strange, listener() as second:
        said, found = passed([first, strange, second], "web:ssh:web")
        assert said == "'ssh' passed by systemd is not for lowatch, ignoring"
        assert [row[:2] for row in found] == [[3, port(first)], [5, port(second)]]


def test_a_file_that_is_not_for_us() -> None:
    """OpenFile= and the descriptor store pass what is no socket at all."""
    with listener() as web, Path("/dev/null").open("rb") as strange:
        assert passed([web, strange], "web:null")[-1] == [[3, port(web), False, False]]


@pytest.mark.parametrize("web_first", [True, False])
def test_a_trace_is_found_and_stays_open(web_first: bool) -> None:
    with listener() as web, Path("/dev/null").open("rb") as trace:
        order, names = ([web, trace], "web:trace") if web_first else ([trace, web], "trace:web")
        said, found = passed(order, names)
        assert said == f"trace {4 if web_first else 3} False"
        assert [row[1] for row in found] == [port(web)]


def test_those_of_our_parent_are_not_ours() -> None:
    with listener() as web:
        assert passed([web], "web", ours=False) == [[]]


def test_one_that_does_not_listen() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        assert passed([datagrams], "web") == [
            "web: the socket 'web' passed by systemd is not a listening stream socket"
        ]


@pytest.mark.parametrize("count", ["2", "999999999"])
@pytest.mark.parametrize("names", ["web", "web:ssh"])
def test_more_than_there_are(count: str, names: str) -> None:
    with listener() as web:
        *_, error = passed([web], names, count=count)
        assert error == "web: descriptor 4 passed by systemd: Bad file descriptor"


@pytest.mark.parametrize("count", ["0", "-1", "many", "\N{SUPERSCRIPT TWO}", "9" * 5000])
def test_no_number_of_them(count: str) -> None:
    with listener() as web:
        assert passed([web], "web", count=count) == [[]]
