"""filtered-vip on a real kernel: a listener is there, and a client on this host does not reach it."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.checking import Checked, check, lowatch
from tests.support.daemon import Daemon, configuration
from tests.support.dns_server import Knot
from tests.support.netns import Netns
from tests.support.waiting import eventually

WWW = "www.example.com"
VIPS = ("192.0.2.10", "2001:db8::10")
REJECT = """
table inet filtering { chain input { type filter hook input priority 0
    iifname lo tcp dport 80 reject with tcp reset
}; }
"""
DROP = """
table inet filtering { chain output { type filter hook output priority 0
    oifname lo tcp dport 80 drop
}; }
"""
LIFTED = "delete table inet filtering"


@pytest.fixture
def knot(netns: Netns) -> Iterator[Knot]:
    netns.batch([f"addr add {VIPS[0]}/32 dev lo", f"addr add {VIPS[1]}/128 dev lo nodad"])
    with Knot({"example.com": f"www A {VIPS[0]}\nwww AAAA {VIPS[1]}"}) as running:
        yield running


def met(vip: str, timeout: float = 0.3) -> str:
    """What a client gets."""
    try:
        socket.create_connection((vip, 80), timeout=timeout).close()
    except TimeoutError:
        return "silence"
    except OSError:
        return "refused"
    return "accepted"


def verdicts(seen: Checked) -> set[str]:
    return {row["verdict"] for row in seen.report["endpoints"]}


def audited(directory: Path, knot: Knot, more: str = "") -> Checked:
    return check(directory, configuration(knot, f'domains = ["{WWW}:80"]\n{more}'))


@pytest.mark.parametrize(
    ("rules", "meets", "wrong"),
    [
        (REJECT, "refused", "connects from this host are refused: something rejects their packets"),
        (DROP, "silence", "connects from this host time out: something drops their packets"),
    ],
)
def test_a_packet_filter(
    netns: Netns, knot: Knot, tmp_path: Path, rules: str, meets: str, wrong: str
) -> None:
    listeners = [netns.listener(vip, 80) for vip in VIPS]
    netns.nft(rules)
    seen = audited(tmp_path, knot)
    assert [met(vip) for vip in VIPS] == [meets] * 2
    assert (seen.code, seen.kinds()) == (1, {"filtered-vip": 2})
    inode = Path(f"/proc/self/fd/{listeners[0].fileno()}").stat().st_ino
    finding = seen.findings("filtered-vip")[0]
    assert (finding["severity"], finding["address"], finding["port"]) == ("warning", VIPS[0], 80)
    assert finding["message"] == (
        f"{WWW} resolves to 192.0.2.10, where uid 0 (inode {inode}) listens on 80/tcp, but {wrong}"
    )
    assert finding["fix"] == []
    assert verdicts(seen) == {"filtered"}
    explained = lowatch("explain", "-c", str(tmp_path / "lowatch.toml"), WWW).stdout
    outcome = "refused" if meets == "refused" else "timed out"
    assert f"listens on 192.0.2.10; a connect {outcome}" in " ".join(explained.replace("was ", "").split())
    netns.nft(LIFTED)
    seen = audited(tmp_path, knot)
    assert (seen.code, seen.findings(), verdicts(seen)) == (0, [], {"served"})


def test_nothing_is_asked_with_probe_off(netns: Netns, knot: Knot, tmp_path: Path) -> None:
    for vip in VIPS:
        netns.listener(vip, 80)
    netns.nft(REJECT)
    seen = audited(tmp_path, knot, 'probe = "off"')
    assert (seen.code, seen.findings(), verdicts(seen)) == (0, [], {"served"})


def test_the_daemon_notices_and_the_application_does_not(netns: Netns, knot: Knot, tmp_path: Path) -> None:
    """The rules come before the listener, as after a reboot. They are lifted: resolved within seconds."""
    netns.nft(REJECT)
    with Daemon(tmp_path, configuration(knot, f'hold = "0s"\ndomains = ["{WWW}:80"]')) as daemon:
        daemon.until(lambda: daemon.announced("orphan-vip") == ["firing", "firing"])
        listeners = [netns.listener(vip, 80) for vip in VIPS]
        daemon.until(lambda: daemon.announced("filtered-vip") == ["firing", "firing"])
        assert daemon.announced("orphan-vip") == ["firing", "firing", "resolved", "resolved"]
        assert daemon.verdict(WWW) == "filtered"
        assert daemon.orphan(WWW) == 0
        netns.nft(LIFTED)
        daemon.until(lambda: daemon.announced("filtered-vip")[2:] == ["resolved", "resolved"])
        assert daemon.verdict(WWW) == "served"
        for listener in listeners:
            listener.setblocking(False)
            with pytest.raises(BlockingIOError):
                listener.accept()


def test_acknowledged(netns: Netns, knot: Knot, tmp_path: Path) -> None:
    for vip in VIPS:
        netns.listener(vip, 80)
    netns.nft(REJECT)
    known = '[[acknowledge]]\nkind = "filtered-vip"\nuntil = 2099-01-31\nreason = "clients are remote"'
    seen = audited(tmp_path, knot, known)
    assert (seen.code, {one["state"] for one in seen.findings()}) == (0, {"acknowledged"})


SERVICE = """
import socket, sys
made = socket.create_server(("192.0.2.10", 80), backlog=4)
print("ready", flush=True)
while True:
    made.accept()[0].close()
"""


def test_a_stopped_process_whose_queue_fills(netns: Netns, knot: Knot, tmp_path: Path) -> None:
    """Its kernel answers while there is room: served. Then it is backlogged, for that is the cause."""
    with subprocess.Popen([sys.executable, "-c", SERVICE], stdout=subprocess.PIPE, text=True) as service:
        assert service.stdout is not None
        try:
            assert service.stdout.readline() == "ready\n"
            service.send_signal(signal.SIGSTOP)
            eventually(lambda: "(stopped)" in Path(f"/proc/{service.pid}/status").read_text())
            assert met(VIPS[0]) == "accepted"
            text = configuration(knot, f'domains = ["{WWW}:80"]')
            rows = {row["address"]: row["verdict"] for row in check(tmp_path, text).report["endpoints"]}
            assert rows[VIPS[0]] == "served"
            while met(VIPS[0]) == "accepted":
                pass
            rows = {row["address"]: row["verdict"] for row in check(tmp_path, text).report["endpoints"]}
            assert rows[VIPS[0]] == "backlogged"
        finally:
            service.kill()


@pytest.mark.parametrize("up", [False, True])
def test_a_listener_bound_to_another_device(netns: Netns, knot: Knot, tmp_path: Path, up: bool) -> None:
    """Local packets come by lo, so the kernel refuses them, whether that device is up or not: an orphan."""
    netns.dummy("vip0")
    netns.ip(f"link set vip0 {'up' if up else 'down'}")
    for vip in VIPS:
        netns.listener(vip, 80, device="vip0")
    assert [met(vip) for vip in VIPS] == ["refused"] * 2
    seen = audited(tmp_path, knot)
    assert verdicts(seen) == {"orphan"}


def test_one_listener_on_many_addresses(netns: Netns, tmp_path: Path) -> None:
    """However short its queue is: half a connect takes no place in it."""
    vips = [f"192.0.2.{n}" for n in range(10, 30)]
    netns.batch(f"addr add {vip}/32 dev lo" for vip in vips)
    netns.listener("0.0.0.0", 80, backlog=2)
    with Knot({"example.com": "\n".join(f"www A {vip}" for vip in vips)}) as knot:
        assert verdicts(audited(tmp_path, knot)) == {"served"}
        netns.nft(REJECT)
        assert audited(tmp_path, knot).kinds() == {"filtered-vip": 20}
