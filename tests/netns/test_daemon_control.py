"""`lowatch status` and `lowatch reload` against a running daemon."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.daemon import Daemon, configuration
from tests.support.dns_server import Knot
from tests.support.netns import Netns

WWW, SHOP = "www.example.com", "shop.example.com"


@pytest.fixture
def knot(netns: Netns) -> Iterator[Knot]:
    netns.ip("addr add 192.0.2.10/32 dev lo")
    with Knot({"example.com": "www A 192.0.2.10\nshop A 192.0.2.10"}) as running:
        yield running


@pytest.fixture
def daemon(knot: Knot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    with Daemon(tmp_path, settings(knot, WWW)) as running:
        yield running


def settings(knot: Knot, *domains: str) -> str:
    listed = ", ".join(f'"{domain}:80"' for domain in domains)
    return configuration(knot, f'hold = "0s"\ndomains = [{listed}]')


def lowatch(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lowatch", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)


def test_status_tells_how_it_stands(daemon: Daemon, tmp_path: Path) -> None:
    daemon.until(lambda: daemon.announced("orphan-vip"))
    told = lowatch("status")
    assert (told.returncode, told.stderr) == (0, "")
    assert "1 critical finding firing" in told.stdout
    assert f"orphan-vip: {WWW} at 192.0.2.10 on lo, 80/tcp" in told.stdout

    status = json.loads(lowatch("status", "--format", "json").stdout)
    assert (status["pid"], status["ready"], status["healthy"]) == (daemon.pid, True, True)
    assert status["held"] == {"lo": 3}
    assert status["domains"]["resolved"] == 1
    assert [vital["part"] for vital in status["vitals"]] == [
        "audits",
        "connects",
        "resolver",
        "route events",
        "socket events",
        "client events",
    ]
    assert status["configuration"]["files"] == [str(daemon.file)]
    assert status["audit"]["complete"]
    assert status["audit"]["duration_seconds"] is not None
    assert stat.S_IMODE((tmp_path / "lowatch.sock").stat().st_mode) == 0o660


def test_the_turns_of_its_loop_are_counted(daemon: Daemon) -> None:
    before = daemon.metric("lowatch_loop_lag_seconds_count")
    after = daemon.metric("lowatch_loop_lag_seconds_count")
    assert before is not None
    assert after is not None
    assert 0 < before < after


def test_status_tells_what_a_start_waits_for(
    netns: Netns, knot: Knot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A silent nameserver; each thing is said once."""
    netns.udp("192.0.2.10", 5300)
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    text = settings(knot, WWW).replace(str(knot.nameserver), "192.0.2.10:5300")
    with Daemon(tmp_path, text, ready=False):
        told = lowatch("status").stdout
        status = json.loads(lowatch("status", "--format", "json").stdout)
    assert re.match(
        r"lowatch \S+ on \S+ is starting: 2 DNS queries still to send; ", " ".join(told.split())
    )
    assert (status["ready"], status["waits_for"]) == (False, "2 DNS queries still to send")


def test_reload_returns_when_it_is_done(daemon: Daemon, knot: Knot) -> None:
    daemon.configure(settings(knot, WWW, SHOP))
    assert lowatch("reload").returncode == 0
    assert daemon.log.count("configuration reloaded") == 1
    daemon.until(lambda: daemon.orphan(SHOP) == 1)
    status = json.loads(lowatch("status", "--format", "json").stdout)
    assert status["last_reload"]["successful"]


def test_what_takes_a_restart_is_reported_until_there_is_one_or_it_is_as_it_was(
    daemon: Daemon, knot: Knot
) -> None:
    said = "web.listen needs a restart: running with 127.0.0.1:10048, configured 192.0.2.10:1"
    series = 'lowatch_reload_pending{key="web.listen"}'
    before = lowatch("status").stdout
    daemon.configure(settings(knot, WWW) + '[web]\nlisten = ["192.0.2.10:1"]\n')
    reloaded = lowatch("reload")
    assert (reloaded.returncode, reloaded.stderr) == (0, f"lowatch: {said}\n")
    daemon.until_logged(said)
    assert "http://192.0.2.10:1" not in daemon.log
    assert daemon.metric(series) == 1
    assert "needs a restart" not in before
    assert "needs a restart" in lowatch("status").stdout
    assert json.loads(lowatch("status", "--format", "json").stdout)["reload_pending"] == ["web.listen"]

    daemon.configure(settings(knot, WWW))
    reloaded = lowatch("reload")
    assert (reloaded.returncode, reloaded.stderr) == (0, "")
    assert daemon.metric(series) is None
    assert "needs a restart" not in lowatch("status").stdout


def test_a_bad_reload_fails_with_the_daemons_own_words(daemon: Daemon, knot: Knot) -> None:
    daemon.configure(settings(knot, WWW, SHOP) + "\nprots = [80]\nhold = 3")
    refused = lowatch("reload")
    assert refused.returncode == 1
    assert f"{daemon.file}:" in refused.stderr
    assert "prots" in refused.stderr
    assert daemon.metric("lowatch_config_last_reload_successful") == 0
    assert daemon.orphan(WWW) == 1
    status = json.loads(lowatch("status", "--format", "json").stdout)
    assert not status["last_reload"]["successful"]
    assert "prots" in status["last_reload"]["error"]


def test_a_reload_refuses_what_is_not_supported_yet(daemon: Daemon, knot: Knot) -> None:
    """It would be served without TLS, and the next start would fail."""
    said = "web.config_file: TLS and passwords are not supported yet; remove it"
    daemon.configure(f'{settings(knot, WWW)}\n[web]\nconfig_file = "web.yml"')
    for refused in (lowatch("config", "check", "-c", str(daemon.file)), lowatch("reload")):
        assert refused.returncode in (1, 2)
        assert [line for line in refused.stderr.splitlines() if said in line]
    assert daemon.metric("lowatch_config_last_reload_successful") == 0
    assert daemon.orphan(WWW) == 1
    daemon.configure(settings(knot, WWW) + '\n[[domain]]\nname = "shop.example.com"\nunit = ""')
    assert lowatch("reload").returncode == 0
    assert daemon.metric("lowatch_config_last_reload_successful") == 1


def test_one_that_is_stopped_is_said_to_be(daemon: Daemon) -> None:
    daemon.signal(signal.SIGSTOP)
    try:
        hung = lowatch("status", "--timeout", "1")
    finally:
        daemon.signal(signal.SIGCONT)
    assert hung.returncode == 3
    assert len(hung.stderr.splitlines()) == 1
    assert "1 s" in hung.stderr


def test_a_second_one_knows_the_first(daemon: Daemon) -> None:
    second = lowatch("run", "-c", str(daemon.file))
    assert second.returncode not in (0, 2)
    assert f"another lowatch (pid {daemon.pid}) is using it" in second.stderr


def test_a_killed_one_is_replaced(daemon: Daemon) -> None:
    daemon.kill()
    gone = lowatch("status")
    assert gone.returncode == 3
    assert f"{os.environ['RUNTIME_DIRECTORY']}/lowatch.sock" in gone.stderr
    daemon.start()
    assert lowatch("status").returncode == 0


def test_a_web_page_of_a_stranger_reads_nothing_and_scrapers_use_any_name(daemon: Daemon) -> None:
    def status(path: str, *options: str) -> str:
        command = ("curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}", *options)
        done = subprocess.run([*command, f"http://127.0.0.1:10048{path}"], capture_output=True, check=True)
        return done.stdout.decode()

    stranger = ("--header", "Host: evil.example:10048")
    assert [status(path, *stranger) for path in ("/", "/api/v1/audit", "/api/v1/findings")] == ["421"] * 3
    assert status("/metrics", *stranger, "--user-agent", "Mozilla/5.0") == "421"
    assert status("/metrics", "--header", "Host: web1.example.com:10048") == "200"
    assert status("/-/healthy", *stranger) == "200"
    assert [status(path) for path in ("/", "/api/v1/audit", "/metrics")] == ["200"] * 3


def test_with_few_descriptors_and_many_idle_clients_probes_are_answered(
    knot: Knot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    few = ("prlimit", "--nofile=64:64", "--")
    with Daemon(tmp_path, settings(knot, WWW), prefix=few) as daemon, ExitStack() as idle:
        for _ in range(200):
            idle.enter_context(socket.create_connection(("127.0.0.1", 10048)))
            control = idle.enter_context(socket.socket(socket.AF_UNIX))
            control.connect(str(tmp_path / "lowatch.sock"))
        began = time.monotonic()
        assert [daemon.get("/-/healthy").status for _ in range(20)] == [200] * 20
        assert daemon.orphan(WWW) == 1
        assert lowatch("status").returncode == 0
        assert time.monotonic() - began < 10
        assert len(list(Path(f"/proc/{daemon.pid}/fd").iterdir())) < 60
        assert "cannot accept" not in daemon.log
