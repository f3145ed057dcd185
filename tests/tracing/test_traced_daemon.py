"""A daemon with a trace: it names the programs that fail, and hears of a listener at once."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.daemon import Daemon, configuration
from tests.support.dns_server import Knot
from tests.support.netns import Netns
from tests.support.tracefs import is_first_pid_namespace, may_be_ours, own_cgroup

VIP, WWW = "203.0.113.77", "www.example.com"
"""The address is of these tests alone: others run on the same kernel."""
TIMES, PORT = 20, 4711


@pytest.fixture
def vip(netns: Netns) -> Netns:
    netns.ip(f"addr add {VIP}/32 dev lo")
    return netns


@contextmanager
def traced(directory: Path, text: str, trace: Path) -> Iterator[Daemon]:
    """A daemon whose standard input is the trace, as StandardInput=file: makes it."""
    descriptor = os.open(trace / "trace_pipe", os.O_RDONLY)
    try:
        with Daemon(directory, text, stdin=descriptor) as daemon:
            yield daemon
    finally:
        os.close(descriptor)


def refused(daemon: Daemon, kind: str = "orphan-vip") -> dict[str, Any]:
    """The `refused` of the finding of that kind on port 80; empty if there is none."""
    findings = json.loads(daemon.get("/api/v1/findings").body)["findings"]
    return next((one["refused"] or {} for one in findings if (one["kind"], one["port"]) == (kind, 80)), {})


def count(daemon: Daemon, port: int) -> float:
    series = f'interface="lo",address="{VIP}",port="{port}"'
    return daemon.metric(f"lowatch_refused_connects_total{{{series}}}") or 0


@pytest.mark.parametrize("way", ["curl", "bash"])
def test_programs_that_fail_are_named(vip: Netns, tmp_path: Path, trace: Path, way: str) -> None:
    command = {
        "curl": ["curl", "--silent", f"http://{VIP}/[1-{TIMES}]"],
        "bash": ["bash", "-c", f"for ((i = 0; i < {TIMES}; i++)); do exec 3<>/dev/tcp/{VIP}/80; done"],
    }[way]
    with (
        Knot({"example.com": f"www A {VIP}"}) as knot,
        traced(tmp_path, configuration(knot, f'domains = ["{WWW}:80"]'), trace) as daemon,
    ):
        client = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        client.wait()
        daemon.until(lambda: refused(daemon).get("count") == TIMES)
        found = refused(daemon)["programs"]
        assert [(one["name"], one["count"]) for one in found] == [(way, TIMES)]
        assert may_be_ours(found[0]["pid"], client.pid)
        assert count(daemon, 80) == TIMES, "the trace knows the port, even of a blocking client"
        assert count(daemon, 0) == 0
        assert f"{way} ({TIMES} times, last PID {found[0]['pid']})" in daemon.get("/").body


_CLIENT = """
import socket, threading
def fail():
    with socket.socket() as client:
        try:
            client.connect(("203.0.113.77", 80))
        except OSError:
            pass
    failed.set()
    threading.Event().wait()
failed = threading.Event()
threading.Thread(target=fail, daemon=True).start()
failed.wait()
print("failed", flush=True)
input()
"""


def test_the_unit_and_the_process_of_a_thread(vip: Netns, tmp_path: Path, trace: Path) -> None:
    """A thread that lives on. Before Linux 6.13 its process is unknown."""
    cgroup = own_cgroup() / f"backup-{os.getpid()}.service"
    command = ["sh", "-ec", 'mkdir "$1"; echo $$ >"$1/cgroup.procs"; exec "$0" -S -c "$2"']
    with (
        Knot({"example.com": f"www A {VIP}"}) as knot,
        traced(tmp_path, configuration(knot, f'domains = ["{WWW}:80"]'), trace) as daemon,
        subprocess.Popen(
            [*command, sys.executable, str(cgroup), _CLIENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as client,
    ):
        assert client.stdout is not None
        assert client.stdout.readline() == b"failed\n"
        daemon.until(lambda: refused(daemon).get("count") == 1)
        [program] = refused(daemon)["programs"]
        client.kill()
    cgroup.rmdir()
    if is_first_pid_namespace():
        assert program["unit"] == cgroup.name
        assert (program["pid"] == client.pid) or not has_pidfd_info()
    else:
        assert program["unit"] is None


def has_pidfd_info() -> bool:
    major, minor = platform.release().split(".")[:2]
    return (int(major), int(minor)) >= (6, 13)


def test_clients_of_other_network_namespaces_are_nobodys(vip: Netns, tmp_path: Path, trace: Path) -> None:
    """They fail at the same address and port. If the source port is the same too, nobody is named."""
    other = vip.sibling()
    other.ip(f"addr add {VIP}/32 dev lo")
    with traced(tmp_path, configuration(None, "domains = []"), trace) as daemon:
        with other.entered():
            foreign = f"{_FAIL}for one in range(20_000, 20_000 + {TIMES}): fail(one)"
            subprocess.run([sys.executable, "-S", "-c", foreign], check=True)
        ours = f"{_FAIL}for one in range(20_000 + {TIMES} // 2, 20_000 + 2 * {TIMES}): fail(one)"
        subprocess.run([sys.executable, "-S", "-c", ours], check=True)
        daemon.until(lambda: count(daemon, 80) + count(daemon, 0) == TIMES * 3 // 2)
        daemon.until(lambda: bool(refused(daemon, "refused-vip")))
        assert count(daemon, 80) == TIMES
        assert sum(one["count"] for one in refused(daemon, "refused-vip")["programs"]) == TIMES


_FAIL = f"""
import socket
def fail(source_port):
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        client.bind(("{VIP}", source_port))
        client.connect_ex(("{VIP}", 80))
"""


_SERVER = f"""
import socket, time
with socket.socket() as server:
    server.bind(("{VIP}", {PORT}))
    began = time.monotonic()
    server.listen()
    print(began, flush=True)
    input()
"""


def test_a_listener_that_comes_is_an_event(vip: Netns, tmp_path: Path, trace: Path) -> None:
    # Only its own listener, or those of the rest of the kernel would wake it.
    (trace / "events/sock/inet_sock_set_state/filter").write_text(f"newstate==10&&sport=={PORT}")
    with (
        Knot({"example.com": f"www A {VIP}"}) as knot,
        traced(tmp_path, configuration(knot, f'domains = ["{WWW}:{PORT}"]'), trace) as daemon,
    ):
        daemon.until(lambda: daemon.orphan(WWW, VIP, PORT) == 1)
        vip.listener("127.0.0.1", PORT).close()  # so it is known that the trace reports listeners
        until_it_does_not_poll(daemon)
        with subprocess.Popen(
            [sys.executable, "-S", "-c", _SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as server:
            try:
                assert server.stdout is not None
                began = float(server.stdout.readline())
                daemon.until(lambda: daemon.orphan(WWW, VIP, PORT) == 0)
                assert time.monotonic() - began < 10, "long before the next sweep"
            finally:
                server.kill()
        daemon.until(lambda: daemon.orphan(WWW, VIP, PORT) == 1)


def until_it_does_not_poll(daemon: Daemon) -> None:
    """Two seconds after the last change it sleeps. If it polled it would wake five times a second."""

    def switches() -> int:
        status = Path(f"/proc/{daemon.pid}/status").read_text()
        return int(status.partition("\nvoluntary_ctxt_switches:")[2].split()[0])

    def is_quiet() -> bool:
        before = switches()
        time.sleep(1.0)  # an interval to measure in
        return switches() - before <= 2

    daemon.until(is_quiet)


_HASTY = f"""
import os, socket
for _ in range({TIMES}):
    if not os.fork():
        socket.socket().connect_ex(("{VIP}", 80))
        os._exit(0)
    os.wait()
"""


def test_a_program_that_ends_at_once_is_named(vip: Netns, tmp_path: Path, trace: Path) -> None:
    """Its line in the trace has no name yet, of nine in ten."""
    with traced(tmp_path, configuration(None, "domains = []"), trace) as daemon:
        subprocess.run([sys.executable, "-S", "-c", _HASTY], check=True)
        daemon.until(lambda: refused(daemon, "refused-vip").get("count") == TIMES)
        programs = refused(daemon, "refused-vip")["programs"]
        assert sum(one["count"] for one in programs) == TIMES
        named = sum(one["count"] for one in programs if one["name"])
        assert named > TIMES // 2, "a name may be lost on a busy machine"
