"""The daemon outlives its host's trouble, loses nothing, and says nothing wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.support.daemon import Daemon, configuration
from tests.support.dns_server import Knot
from tests.support.netns import Netns

WWW, API = "www.example.com", "api.example.com"
ZONE = {"example.com": "www A 192.0.2.10\napi A 192.0.2.20"}
TOP = f'hold = "0s"\ndomains = ["{WWW}:80"]'
SOON = 5.0
"""Seconds within which it ends, on a machine that does other things as well; on an idle one it is one."""


@pytest.fixture
def held(netns: Netns) -> Netns:
    netns.ip("addr add 192.0.2.10/32 dev lo")
    netns.ip("addr add 192.0.2.20/32 dev lo")
    return netns


def over_etc(**files: Path) -> list[str]:
    """What runs a command with these in the place of files of /etc: `hosts`, `resolv_conf`."""
    commands = ["mount -t tmpfs none /etc"]
    for name, source in files.items():
        place = "/etc/" + name.replace("_", ".")
        commands += [f"touch {place}", f'mount --bind "{source}" {place}']
    return ["unshare", "--mount", "sh", "-ec", f'{"; ".join(commands)}; exec "$@"', "sh"]


class TestFifos:
    def test_in_place_of_the_state(self, held: Netns, tmp_path: Path) -> None:
        with Knot(ZONE) as knot:
            daemon = Daemon(tmp_path, configuration(knot, TOP), state=True)
            state = daemon.state_directory / "findings.json"
            os.mkfifo(state)
            with daemon:
                daemon.until(lambda: daemon.announced("orphan-vip") == ["firing"])
                daemon.until_logged("it is a FIFO, not a regular file")
                _, seconds = daemon.stop()
                assert seconds < SOON
        saved = json.loads(state.read_text())["findings"]
        assert [one["kind"] for one in saved] == ["idle-vip", "orphan-vip"]

    def test_in_place_of_all_that_is_read_from_etc(self, held: Netns, tmp_path: Path) -> None:
        fifo = tmp_path / "fifo"
        os.mkfifo(fifo)
        prefix = over_etc(hosts=fifo, nsswitch_conf=fifo, resolv_conf=fifo, host_conf=fifo)
        with (
            Knot(ZONE) as knot,
            Daemon(tmp_path, configuration(knot, TOP), prefix=prefix) as daemon,
        ):
            said = json.dumps(daemon.audit()["problems"])
            for file in ("hosts", "nsswitch.conf"):
                assert f"/etc/{file}: a FIFO, not a regular file" in said
            _, seconds = daemon.stop()
            assert seconds < SOON

    def test_in_place_of_resolv_conf_where_it_names_the_nameservers(
        self, held: Netns, tmp_path: Path
    ) -> None:
        fifo = tmp_path / "fifo"
        os.mkfifo(fifo)
        with Daemon(
            tmp_path, configuration(None, TOP), prefix=over_etc(resolv_conf=fifo), ready=False
        ) as daemon:
            daemon.until(
                lambda: "/etc/resolv.conf: a FIFO, not a regular file" in daemon.get("/api/v1/audit").body
            )
            assert daemon.orphans() == {}
            _, seconds = daemon.stop()
            assert seconds < SOON


def test_a_state_file_without_end(held: Netns, tmp_path: Path) -> None:
    with Knot(ZONE) as knot:
        daemon = Daemon(tmp_path, configuration(knot, TOP), state=True)
        state = daemon.state_directory / "findings.json"
        with state.open("wb") as file:
            file.truncate(2 << 30)
        with daemon:
            daemon.until(lambda: daemon.announced("orphan-vip") == ["firing"])
            daemon.until_logged("is damaged: it is larger than 64 MiB")
            assert daemon.metrics()["process_resident_memory_bytes"] < 150 << 20


def test_sigterm_while_a_bad_file_is_read(held: Netns, tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text(f"{API}\n")
    tables = '[[domains_from]]\npath = "names.txt"'
    with Knot(ZONE) as knot, Daemon(tmp_path, configuration(knot, TOP, tables=tables)) as daemon:
        written = tmp_path / "written"
        written.write_bytes(b"!\n" * (30 << 20))
        written.rename(names)
        daemon.signal(signal.SIGHUP)  # read by the reload, and by whoever follows the file
        time.sleep(0.5)
        _, seconds = daemon.stop()
        assert seconds < SOON


def full_pipe() -> tuple[int, int]:
    """A pipe that nobody has read from for a while."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writing, b"x" * 4096)
    os.set_blocking(writing, True)
    return reading, writing


def test_nobody_reads_its_stderr(held: Netns, tmp_path: Path) -> None:
    """Everything goes on, it ends when it is told to, and what was not read is announced once more."""
    reading, writing = full_pipe()
    to_the_pipe = ["sh", "-c", f'exec "$@" 2>/proc/self/fd/{writing}', "sh"]
    with Knot(ZONE) as knot:
        text = configuration(knot, TOP)
        daemon = Daemon(tmp_path, text, state=True, prefix=to_the_pipe, inherited=[writing])
        with daemon:
            daemon.until(lambda: daemon.orphan(WWW) == 1)
            with closing(held.listener("192.0.2.10", 80)):
                daemon.until(lambda: daemon.orphan(WWW) == 0)
            daemon.until(lambda: daemon.orphan(WWW) == 1)
            daemon.signal(signal.SIGHUP)
            assert daemon.get("/-/healthy").status == 200
            _, seconds = daemon.stop()
            assert seconds < SOON
    os.close(reading)
    os.close(writing)
    (tmp_path / "again").mkdir()
    with Knot(ZONE) as knot:
        state = f"STATE_DIRECTORY={daemon.state_directory}"
        with Daemon(tmp_path / "again", configuration(knot, TOP), prefix=["env", state]) as again:
            again.until(lambda: again.announced("orphan-vip") == ["firing"])
            again.stop()
    saved = json.loads((daemon.state_directory / "findings.json").read_text())["findings"]
    assert all(one["announced"] for one in saved)


def as_somebody() -> list[str]:
    """What runs a command as one whom RLIMIT_NPROC concerns: root of the host it does not."""
    if Path("/proc/self/uid_map").read_text().split() != ["0", "0", "4294967295"]:
        return []
    mays = "--inh-caps=+dac_override", "--ambient-caps=+dac_override"
    return ["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups", *mays]


def test_a_file_of_names_that_is_touched_twice_a_second(held: Netns, tmp_path: Path) -> None:
    """It delays no other for ever, and not itself."""
    folder = tmp_path / "names.d"
    folder.mkdir()
    touched, other = folder / "touched.txt", folder / "other.txt"
    touched.write_text(f"{WWW}:80\n")
    other.write_text("")
    tables = f'[[domains_from]]\npath = "{folder}/*.txt"'
    over = threading.Event()

    def touch() -> None:
        while not over.wait(0.45):
            touched.touch()

    toucher = threading.Thread(target=touch)
    with (
        Knot(ZONE) as knot,
        Daemon(tmp_path, configuration(knot, 'hold = "0s"', tables=tables)) as daemon,
    ):
        toucher.start()
        try:
            other.write_text(f"{API}:80\n")
            daemon.until(lambda: daemon.orphan(API, "192.0.2.20") == 1, 60)
            touched.write_text(f"{WWW}:80\n{WWW}:81\n")
            daemon.until(lambda: daemon.orphan(WWW, port=81) == 1, 60)
            assert daemon.orphan(WWW) == 1
        finally:
            over.set()
            toucher.join()


def limit_processes(daemon: Daemon, number: str) -> None:
    """By its own user, who needs no capability for it."""
    subprocess.run([*as_somebody(), "prlimit", f"--pid={daemon.pid}", f"--nproc={number}:"], check=True)


def test_without_a_thread(held: Netns, tmp_path: Path) -> None:
    """As where pids.max is reached: pthread_create(3) gives EAGAIN."""
    names = tmp_path / "names.txt"
    names.write_text(f"{API}:80\n")
    tables = '[[domains_from]]\npath = "names.txt"'
    with Knot(ZONE) as knot:
        daemon = Daemon(tmp_path, configuration(knot, TOP, tables=tables), state=True, prefix=as_somebody())
        with daemon:
            daemon.until(lambda: daemon.announced("orphan-vip") == ["firing"] * 2)
            limit_processes(daemon, "1")
            with closing(held.listener("192.0.2.10", 80)):
                daemon.until(lambda: daemon.announced("orphan-vip") == ["firing", "firing", "resolved"])
                names.write_text(f"{API}:80\n{API}:81\n")
                daemon.until(lambda: "can't start new thread" in daemon.log, 60)
                assert any(one["source"] == "host" for one in daemon.audit()["problems"])
                daemon.signal(signal.SIGHUP)
                daemon.until(lambda: "reload failed" in daemon.log)
                limit_processes(daemon, "4000")
                daemon.until(lambda: daemon.orphan(API, "192.0.2.20", 81) == 1, 60)
                daemon.until(lambda: daemon.audit()["complete"], 60)
                limit_processes(daemon, "1")
            daemon.until(lambda: daemon.announced("orphan-vip")[-1] == "firing")
            daemon.until(lambda: len(daemon.announced("orphan-vip")) == 5)
        saved = json.loads((daemon.state_directory / "findings.json").read_text())["findings"]
        assert sorted((one["domain"], one["port"]) for one in saved if one["kind"] == "orphan-vip") == [
            (API, 80),
            (API, 81),
            (WWW, 80),
        ]
        assert daemon.log.count("can't start new thread") <= 4  # twice, each by the log and by the reload
