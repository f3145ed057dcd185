"""The daemon as a process: how it starts, reloads and ends, and what it needs no privilege for."""

import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.daemon import WEB, Daemon, configuration
from tests.support.dns_server import Knot
from tests.support.netns import Netns, as_ordinary_user
from tests.support.service import service
from tests.support.waiting import quickest

WWW, SHOP = "www.example.com", "shop.example.com"
RELOADED = "lowatch_config_last_reload_successful"
RELOADED_AT = "lowatch_config_last_reload_success_timestamp_seconds"


@pytest.fixture
def knot(netns: Netns) -> Iterator[Knot]:
    netns.ip("addr add 192.0.2.10/32 dev lo")
    with Knot({"example.com": "www A 192.0.2.10\nshop A 192.0.2.10"}) as running:
        yield running


def settings(knot: Knot, *domains: str, tables: str = "") -> str:
    listed = ", ".join(f'"{domain}:80"' for domain in domains)
    return configuration(knot, f'hold = "0s"\ndomains = [{listed}]', tables=tables)


# Its end.


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_at_once(netns: Netns, knot: Knot, tmp_path: Path, number: signal.Signals) -> None:
    with Daemon(tmp_path, settings(knot, WWW)) as daemon:
        daemon.signal(number)
        assert daemon.wait() == 0
        assert daemon.log.splitlines()[-1].endswith("INFO lowatch: stopping")


def test_it_ends_in_under_a_second_with_200_connections(netns: Netns, knot: Knot, tmp_path: Path) -> None:
    """Idle ones, some in the middle of a request, and some that do not read their reply."""
    host, port = WEB.split(":")

    def seconds_to_end() -> float:
        with daemon, ExitStack() as stack:
            for number in range(200):
                client = stack.enter_context(socket.create_connection((host, int(port)), timeout=5))
                client.sendall(
                    (b"", b"GET /metrics HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")[number % 3]
                )
            assert daemon.get("/-/healthy").status == 200
            code, seconds = daemon.stop()
            assert code == 0
            return seconds

    daemon = Daemon(tmp_path, settings(knot, WWW))
    assert quickest(seconds_to_end, 1) < 1


def test_it_ends_in_under_a_second_while_it_starts(netns: Netns, knot: Knot, tmp_path: Path) -> None:
    """Its nameserver says nothing, and half of its names have not been asked for."""
    knot.pause()
    names = [f"name{number}.example.com" for number in range(500)]
    daemon = Daemon(tmp_path, settings(knot, *names), ready=False)

    def seconds_to_end() -> float:
        with daemon:
            assert daemon.get("/-/ready").status == 503
            code, seconds = daemon.stop()
            assert code == 0
            return seconds

    assert quickest(seconds_to_end, 1) < 1


# Its start.


def test_ready_when_each_name_has_been_asked_once(netns: Netns, knot: Knot, tmp_path: Path) -> None:
    knot.pause()
    with Daemon(tmp_path, settings(knot, WWW), ready=False) as daemon:
        assert daemon.get("/-/healthy").status == 200
        assert daemon.get("/-/ready") == (503, "Not ready: waiting for the first full audit\n")
        assert daemon.metric('lowatch_domains{status="unknown"}') == 1
        knot.resume()
        daemon.until(lambda: daemon.get("/-/ready").status == 200)
        assert daemon.orphan(WWW) == 1


def test_ready_though_no_nameserver_answers(netns: Netns, knot: Knot, tmp_path: Path) -> None:
    """Refused, it has been asked: what could be observed has been."""
    knot.kill()
    with Daemon(tmp_path, settings(knot, WWW, SHOP)) as daemon:
        assert daemon.metric('lowatch_domains{status="unknown"}') == 2
        assert not daemon.audit()["complete"]


def test_port_taken(netns: Netns, knot: Knot, tmp_path: Path) -> None:
    host, port = WEB.split(":")
    netns.listener(host, int(port))
    daemon = Daemon(tmp_path, settings(knot, WWW))
    assert daemon.run() == 1
    assert daemon.log == f"lowatch: web: cannot listen on {WEB}: Address already in use\n"


# Reloading.


def test_reload_adds_and_removes_domains(netns: Netns, knot: Knot, tmp_path: Path) -> None:
    with Daemon(tmp_path, settings(knot, WWW)) as daemon:
        before = daemon.metrics()
        daemon.until(lambda: daemon.announced("orphan-vip") == ["firing"])
        daemon.reload(settings(knot, WWW, SHOP))
        daemon.until(lambda: daemon.orphan(SHOP) == 1)
        assert daemon.orphan(WWW) == 1
        after = daemon.metrics()
        assert (after[RELOADED], after[RELOADED_AT] > before[RELOADED_AT]) == (1, True)
        daemon.reload(settings(knot, SHOP))
        daemon.until(lambda: daemon.orphan(WWW) is None)
        assert daemon.orphan(SHOP) == 1
        daemon.until(lambda: daemon.announced("orphan-vip") == ["firing", "firing", "resolved"])
        daemon.until(lambda: WWW in daemon.alerts[-1].text)


def test_reload_changes_ports_and_what_is_followed(netns: Netns, knot: Knot, tmp_path: Path) -> None:
    """A port that was not expected before: its closing is heard of from now on."""
    listener = netns.listener("192.0.2.10", 8080)
    with Daemon(tmp_path, settings(knot, WWW)) as daemon:
        daemon.reload(configuration(knot, f'hold = "0s"\ndomains = ["{WWW}:8080"]'))
        daemon.until(lambda: daemon.orphan(WWW, port=8080) == 0)
        assert daemon.orphan(WWW) is None
        listener.close()
        daemon.until(lambda: daemon.orphan(WWW, port=8080) == 1)


def test_reload_changes_the_watched_interfaces(netns: Netns, knot: Knot, tmp_path: Path) -> None:
    netns.ip("link add vip0 type bridge")
    netns.ip("addr add 192.0.2.10/32 dev vip0")
    netns.ip("addr del 192.0.2.10/32 dev lo")
    with Daemon(tmp_path, settings(knot, WWW)) as daemon:
        assert daemon.orphans() == {}
        daemon.reload('interfaces = ["vip0"]\n' + settings(knot, WWW))
        daemon.until(lambda: daemon.orphan(WWW, interface="vip0") == 1)


def test_reload_with_errors_keeps_the_old_configuration(netns: Netns, knot: Knot, tmp_path: Path) -> None:
    with Daemon(tmp_path, settings(knot, WWW)) as daemon:
        daemon.reload('hold = "soon"\ndomains = ["www.example.com:70000"]\nfoo = 1\n')
        assert daemon.metric(RELOADED) == 0
        refused = daemon.log[daemon.log.index("reload failed") :]
        for number, key in (1, "hold"), (2, "domains[0]"), (3, "foo"):
            assert f"{daemon.file}:{number}: {key}: " in refused
        listener = netns.listener("192.0.2.10", 80)
        daemon.until(lambda: daemon.orphan(WWW) == 0)  # it goes on as before
        daemon.reload(settings(knot, SHOP))
        assert daemon.metric(RELOADED) == 1
        daemon.until(lambda: daemon.orphan(SHOP) == 0)
        listener.close()


def test_reload_of_a_file_that_has_gone(netns: Netns, knot: Knot, tmp_path: Path) -> None:
    with Daemon(tmp_path, settings(knot, WWW)) as daemon:
        daemon.file.unlink()
        daemon.signal(signal.SIGHUP)
        daemon.until(lambda: daemon.metric(RELOADED) == 0)
        daemon.until_logged(f"{daemon.file}: no such file")
        assert daemon.orphan(WWW) == 1


def test_reloads_that_come_together(netns: Netns, knot: Knot, tmp_path: Path) -> None:
    with Daemon(tmp_path, settings(knot, WWW)) as daemon:
        daemon.configure(settings(knot, SHOP))
        for _ in range(50):
            daemon.signal(signal.SIGHUP)
        daemon.until(lambda: daemon.orphan(SHOP) == 1)
        assert 1 <= daemon.log.count("configuration reloaded") <= 50
        assert daemon.orphan(WWW) is None


# Its quiet.


def switches(pid: int) -> int:
    """How often it has gone to sleep by itself: each means that it had been woken."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("\nvoluntary_ctxt_switches:")[2].split()[0])


def test_idle_means_idle(netns: Netns, knot: Knot, tmp_path: Path) -> None:
    """Nothing happens, nothing is in violation, nothing is due: it is not woken."""
    netns.listener("192.0.2.10", 80)
    with Daemon(tmp_path, settings(knot, WWW)) as daemon:
        assert daemon.orphan(WWW) == 0
        time.sleep(2.5)  # what the start and that request set in motion comes to rest

        def switches_in_a_second() -> int:
            before = switches(daemon.pid)
            time.sleep(1)
            return switches(daemon.pid) - before

        assert quickest(switches_in_a_second, under=2) <= 1


# Its privileges.


def test_without_privileges_it_notices_the_same(netns: Netns, knot: Knot, tmp_path: Path) -> None:
    """Events, the owner of another's socket, answers, alerts: all of it."""
    netns.ip("addr add 2001:db8::10/128 dev lo")
    with service() as owner, Daemon(tmp_path, settings(knot, WWW), prefix=as_ordinary_user()) as daemon:
        status = Path(f"/proc/{daemon.pid}/status").read_text()
        assert "CapEff:\t0000000000000000\n" in status
        assert daemon.orphan(WWW) == 0
        (endpoint,) = daemon.audit()["endpoints"]
        assert endpoint["listener"]["address"] == "192.0.2.10"
        owner.kill()
        daemon.until(lambda: daemon.orphan(WWW) == 1)
        netns.ip("addr del 192.0.2.10/32 dev lo")
        daemon.until(lambda: daemon.announced("orphan-vip") == ["firing", "resolved"])
        daemon.until(lambda: daemon.announced("idle-vip") == ["firing"])
