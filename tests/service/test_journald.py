"""journald stops reading: nothing waits for it, and nothing is lost."""

import ctypes
import http.client
import os
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

from tests.service.conftest import WWW
from tests.support.booted import Machine
from tests.support.booted_unit import UNIT, Unit, settings
from tests.support.daemon import WEB
from tests.support.dns_server import Knot

ANSWERED_WITHIN = 0.1
PIDFD_GETFD = 438  # <asm-generic/unistd.h>; glibc 2.36 and Python have no function for it


@contextmanager
def journald_stopped(machine: Machine) -> Iterator[None]:
    """SIGSTOP: its sockets stay, and fill up."""
    machine.run("systemctl kill --signal=STOP systemd-journald")
    try:
        yield
    finally:
        machine.run("systemctl kill --signal=CONT systemd-journald")


def assert_metrics_answer(unit: Unit) -> None:
    """For half a second, one request after the other. A few may wait for a CPU that others use."""
    began = time.monotonic()
    took = []
    while (started := time.monotonic()) < began + 0.5:
        assert unit.get("/metrics").status == 200
        took.append(time.monotonic() - started)
    assert sorted(took)[len(took) * 9 // 10] < ANSWERED_WITHIN
    assert max(took) < 10 * ANSWERED_WITHIN


def test_metrics_answer_and_alerts_come_later(machine: Machine, watching: Unit) -> None:
    """Not for 30 s, but with its queue full (net.unix.max_dgram_qlen), which is all that time would do."""
    watching.until(lambda: watching.announced("orphan-vip") == ["firing"])
    with journald_stopped(machine):
        fill_queue(machine)
        listener = machine.netns.listener("192.0.2.10", 80)
        watching.until(lambda: watching.orphan(WWW) == 0)
        listener.close()
        watching.until(lambda: watching.orphan(WWW) == 1)
        assert_metrics_answer(watching)
    watching.until(lambda: watching.announced("orphan-vip") == ["firing", "resolved", "firing"])
    assert watching.metric("lowatch_journal_dropped_total") == 0
    assert watching.show("NRestarts") == "0"


def fill_queue(machine: Machine) -> None:
    """Write to the journal until it takes no more, from anyone: a sender has a limit of its own, too."""
    path = str(machine.path("/run/systemd/journal/socket"))
    sent = 1
    while sent:
        sent = 0
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender, suppress(BlockingIOError):
            sender.connect(path)
            while True:
                sender.send(b"MESSAGE=filler\nPRIORITY=7\n", socket.MSG_DONTWAIT)
                sent += 1


def test_its_own_log_does_not_wait_either(machine: Machine, unit: Unit, knot: Knot) -> None:
    """stderr is a stream to journald, which takes 16 MiB before a writer must wait. It has taken them."""
    reloadable = "[web]\nenable_reload = true"
    unit.configure(settings(knot, f'domains = ["{WWW}:80"]', tables=reloadable))
    unit.start()
    with journald_stopped(machine):
        fill_stderr(machine)
        for _ in range(10):
            log_a_line()
        assert_metrics_answer(unit)
    log_a_line()
    unit.until(lambda: unit.log.count("configuration reloaded") == 11)
    assert unit.show("NRestarts") == "0"
    machine.run("journalctl --quiet --rotate --vacuum-size=1M")


def log_a_line() -> None:
    host, port = WEB.split(":")
    with closing(http.client.HTTPConnection(host, int(port), timeout=5)) as connection:
        connection.request("POST", "/-/reload")
        assert connection.getresponse().status == 200


def fill_stderr(machine: Machine) -> None:
    """Write to lowatch's own stderr until it takes no more."""
    (pid,) = machine.processes(UNIT)
    pidfd = os.pidfd_open(pid)
    try:
        descriptor = ctypes.CDLL(None, use_errno=True).syscall(PIDFD_GETFD, pidfd, 2, 0)
    finally:
        os.close(pidfd)
    assert descriptor >= 0, os.strerror(ctypes.get_errno())
    line = b"x" * 32_000 + b"\n"  # shorter than what journald takes for two
    with socket.socket(fileno=descriptor) as stream, suppress(BlockingIOError):
        while True:
            stream.send(line, socket.MSG_DONTWAIT)
