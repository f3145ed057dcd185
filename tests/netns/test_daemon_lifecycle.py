"""A finding's life in the daemon: what is announced, what is not, and what a restart remembers."""

import json
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tests.support.daemon import Daemon, configuration
from tests.support.dns_server import Knot
from tests.support.netns import Netns

WWW = "www.example.com"


@pytest.fixture
def knot(netns: Netns) -> Iterator[Knot]:
    netns.ip("addr add 192.0.2.10/32 dev lo")
    with Knot({"example.com": "www A 192.0.2.10"}) as running:
        yield running


def settings(knot: Knot, hold: str = "0s") -> str:
    return configuration(knot, f'hold = "{hold}"\ndomains = ["{WWW}:80"]', dns='timeout = "300ms"')


def test_pending_fires_after_its_hold_and_is_resolved_after_it(
    netns: Netns, knot: Knot, tmp_path: Path
) -> None:
    """The hold is long while the test looks at what has not happened yet, however busy the machine."""
    with Daemon(tmp_path, settings(knot, "5m")) as daemon:
        assert (daemon.count("orphan-vip", "pending"), daemon.alerts) == (1, [])
        daemon.reload(settings(knot, "1s"))
        daemon.until(lambda: daemon.announced("orphan-vip") == ["firing"])
        assert daemon.count("orphan-vip", "firing") == 1
        (finding,) = daemon.findings()
        since = datetime.fromisoformat(finding["since"]).timestamp()
        assert time.time() - since >= 1
        daemon.reload(settings(knot, "5m"))
        listener = netns.listener("192.0.2.10", 80)
        gone = time.monotonic()
        daemon.until(lambda: daemon.orphan(WWW) == 0)
        assert daemon.count("orphan-vip", "firing") == 1  # until it has been gone for as long
        daemon.reload(settings(knot, "1s"))
        daemon.until(lambda: daemon.announced("orphan-vip") == ["firing", "resolved"])
        assert time.monotonic() - gone >= 1
        assert daemon.findings() == []
        listener.close()
        daemon.until(lambda: daemon.announced("orphan-vip") == ["firing", "resolved", "firing"])


def test_the_default_ports_of_a_name_are_one_entry(netns: Netns, knot: Knot, tmp_path: Path) -> None:
    """Any one of them will do: two entries about one service are one too many. Metrics have each."""
    text = configuration(knot, f'hold = "0s"\ndomains = ["{WWW}"]')
    with Daemon(tmp_path, text, state=True) as daemon:
        daemon.until(lambda: daemon.count("orphan-vip", "firing") == 2)
        daemon.until(lambda: daemon.announced("orphan-vip") == ["firing"])
        (one,) = daemon.alerts
        assert "nothing listens there on 80/tcp or 443/tcp" in one.text
        daemon.stop()
        daemon.start()
        daemon.until(lambda: daemon.count("orphan-vip", "firing") == 2)
        with netns.listener("192.0.2.10", 443):
            daemon.until(lambda: daemon.announced("orphan-vip") == ["firing", "resolved"])
        assert "80/tcp and 443/tcp, began at " in daemon.alerts[-1].text


def flap(netns: Netns, daemon: Daemon, times: int) -> None:
    """Serve and stop, each seen by the daemon; ends as an orphan."""
    for _ in range(times):
        listener = netns.listener("192.0.2.10", 80)
        daemon.until(lambda: daemon.orphan(WWW) == 0)
        listener.close()
        daemon.until(lambda: daemon.orphan(WWW) == 1)


def test_flapping_does_not_spam(netns: Netns, knot: Knot, tmp_path: Path) -> None:
    """A dozen flaps before it fires announce nothing, a dozen after that nothing more."""
    with Daemon(tmp_path, settings(knot, "2s")) as daemon:
        flap(netns, daemon, 12)
        assert len(daemon.alerts) <= 1  # none, where this machine took less than 2 s for each flap
        daemon.until(lambda: daemon.announced("orphan-vip") == ["firing"])
        flap(netns, daemon, 12)
        daemon.until(lambda: daemon.announced("orphan-vip") == ["firing"])
        netns.listener("192.0.2.10", 80)
        daemon.until(lambda: daemon.announced("orphan-vip") == ["firing", "resolved"])


def remembered(daemon: Daemon) -> list[dict[str, object]]:
    """What its state file has, and [] while there is none."""
    file = daemon.state_directory / "findings.json"
    return list(json.loads(file.read_text())["findings"]) if file.exists() else []


def fire_and_die(daemon: Daemon) -> str:
    """Start, fire, and be killed once that is on the disk; the finding's `since`."""
    daemon.start()
    daemon.until(lambda: [one["announced"] for one in remembered(daemon)] == [True])
    (finding,) = daemon.findings()
    daemon.kill()
    return str(finding["since"])


@pytest.fixture
def daemon(knot: Knot, tmp_path: Path) -> Iterator[Daemon]:
    """Keeps state; not started. No announcement is held."""
    made = Daemon(tmp_path, settings(knot), state=True)
    yield made
    made.kill()
    assert "Traceback" not in made.log


def test_since_survives_a_kill_and_nothing_is_announced_twice(daemon: Daemon) -> None:
    since = fire_and_die(daemon)
    time.sleep(1.1)  # `since` has whole seconds: a new one could not be told from the old
    daemon.start()
    (finding,) = daemon.findings()
    assert (finding["since"], finding["state"]) == (since, "firing")
    assert daemon.stop()[0] == 0
    daemon.start()
    (finding,) = daemon.findings()
    assert finding["since"] == since
    daemon.until(lambda: daemon.announced("orphan-vip") == ["firing"])


def test_pending_survives_a_restart_unannounced(netns: Netns, knot: Knot, daemon: Daemon) -> None:
    daemon.configure(settings(knot, "30s"))
    daemon.start()
    (before,) = daemon.findings()
    assert daemon.stop()[0] == 0
    daemon.configure(settings(knot, "1s"))
    daemon.start()
    daemon.until(lambda: daemon.announced("orphan-vip") == ["firing"])
    (after,) = daemon.findings()
    assert (after["since"], after["state"]) == (before["since"], "firing")


def test_gone_while_it_was_down(netns: Netns, daemon: Daemon) -> None:
    fire_and_die(daemon)
    netns.ip("addr del 192.0.2.10/32 dev lo")
    daemon.start()
    daemon.until(lambda: daemon.announced("orphan-vip") == ["firing", "resolved"])
    assert daemon.findings() == []
    daemon.until(lambda: remembered(daemon) == [])


def test_restarted_while_dns_is_dead(netns: Netns, knot: Knot, daemon: Daemon) -> None:
    """What cannot be judged is kept as it was: neither resolved nor announced anew."""
    since = fire_and_die(daemon)
    knot.kill()
    daemon.start()
    (finding,) = daemon.findings()
    assert (finding["since"], finding["state"]) == (since, "firing")
    knot.start()
    daemon.until(lambda: daemon.orphan(WWW) == 1)
    daemon.until(lambda: daemon.announced("orphan-vip") == ["firing"])


@pytest.mark.parametrize("content", [b"", b'{"schema": 1, "findings": [{"kind": 3}]}', b"\xff\x00"])
def test_damaged_state_file_is_set_aside(daemon: Daemon, content: bytes) -> None:
    file = daemon.state_directory / "findings.json"
    file.write_bytes(content)
    daemon.start()
    daemon.until(lambda: daemon.announced("orphan-vip") == ["firing"])
    daemon.until_logged(f"the state file {file} is damaged")
    assert (daemon.state_directory / "findings.json.damaged").read_bytes() == content
    daemon.until(lambda: [one["announced"] for one in remembered(daemon)] == [True])


def test_state_that_cannot_be_written(daemon: Daemon) -> None:
    """One warning, and life goes on."""
    (daemon.state_directory / "findings.json.tmp").mkdir()
    daemon.start()
    daemon.until(lambda: daemon.announced("orphan-vip") == ["firing"])
    daemon.until(lambda: "cannot write the state file" in daemon.log)
    assert daemon.stop()[0] == 0
    assert daemon.log.count("cannot write the state file") == 1
