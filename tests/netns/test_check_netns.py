"""`--netns` on a real kernel: another network namespace is audited from its own sockets."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from lowatch.cli.exit_codes import INTERRUPTED
from tests.netns.test_check_kinds import neighbours
from tests.support.arp import arp_settings
from tests.support.checking import Checked, check, lowatch, mend
from tests.support.daemon import configuration
from tests.support.dns_server import Knot
from tests.support.name_service import write_etc
from tests.support.netns import Netns, as_ordinary_user
from tests.support.repository import ROOT
from tests.support.waiting import eventually

VIP, WWW = "192.0.2.10", "www.example.com"
ZONE = {"example.com": f"www A {VIP}"}
LOWATCH = [sys.executable, "-Wignore", "-m", "lowatch"]


@pytest.fixture
def other(netns: Netns) -> Netns:
    """Another namespace. In both of them lo has the VIP."""
    sibling = netns.sibling()
    for place in netns, sibling:
        place.ip(f"addr add {VIP}/32 dev lo")
    return sibling


@pytest.fixture
def knot(other: Netns) -> Iterator[Knot]:
    """A nameserver that only the other namespace reaches."""
    with ExitStack() as stack:
        with other.entered():
            server = stack.enter_context(Knot(ZONE))
        yield server


def listen(place: Netns, address: str, port: int) -> None:
    with place.entered():
        place.listener(address, port)


def test_what_serves_here_serves_nobody_there(
    netns: Netns, other: Netns, knot: Knot, tmp_path: Path
) -> None:
    text = configuration(knot, f'domains = ["{WWW}:80"]')
    netns.listener(VIP, 80)
    seen = check(tmp_path, text, "--netns", other.path)
    assert (seen.code, seen.verdict(WWW), seen.kinds()) == (1, "orphan", {"orphan-vip": 1})
    rows = (seen.report, *seen.report["held"], *seen.report["endpoints"], *seen.report["findings"])
    assert {row["netns"] for row in rows} == {other.path}
    assert (seen.report["boot"], seen.report["missing"]) == (None, None)
    orphan = seen.finding("orphan-vip")
    assert orphan["fix"] == [f"nsenter --net={other.path} ip address del {VIP}/32 dev lo"]

    listen(other, VIP, 80)
    seen = check(tmp_path, text, "--netns", other.path)
    assert (seen.code, seen.verdict(WWW)) == (0, "served")


def test_what_may_go_there_is_not_removed_here(other: Netns, knot: Knot, tmp_path: Path) -> None:
    file = tmp_path / "lowatch.toml"
    file.write_text(configuration(knot, ""))
    explained = lowatch("explain", "-c", str(file), "--netns", other.path, VIP)
    command = f"nsenter --net={other.path} ip address del {VIP}/32 dev lo"
    lines = [line.strip() for line in explained.stdout.splitlines() if "address del" in line]
    assert lines == [command, f"fix    {command}"]


def test_its_own_namespace_has_no_name(netns: Netns, other: Netns, tmp_path: Path) -> None:
    with Knot(ZONE) as here:
        seen = check(tmp_path, configuration(here, f'domains = ["{WWW}:80"]'))
    rows = (seen.report, *seen.report["held"], *seen.report["endpoints"], *seen.report["findings"])
    assert {row["netns"] for row in rows} == {None}
    assert seen.finding("orphan-vip")["fix"] == [f"ip address del {VIP}/32 dev lo"]


def test_connects_are_made_inside(other: Netns, knot: Knot, tmp_path: Path) -> None:
    """No socket serves it there, but NAT leads local clients to one."""
    listen(other, "127.0.0.1", 8080)
    other.nft(
        "table ip nat { chain output { type nat hook output priority -100\n"
        f"ip daddr {VIP} tcp dport 80 redirect to :8080\n}}\n}}"
    )
    text = configuration(knot, f'domains = ["{WWW}:80"]')
    seen = check(tmp_path, text, "--netns", other.path)
    assert (seen.code, seen.verdict(WWW)) == (0, "redirected")


def test_verified_inside(netns: Netns, other: Netns, knot: Knot, tmp_path: Path) -> None:
    """What connects here would contradict what is so there."""
    netns.listener(VIP, 80)
    listen(other, VIP, 443)
    text = configuration(knot, f'domains = ["{WWW}:80", "{WWW}:443"]')
    seen = check(tmp_path, text, "--netns", other.path, "--verify")
    assert (seen.code, seen.verdict(WWW, 80), seen.verdict(WWW, 443)) == (1, "orphan", "served")
    found = seen.report["verification"]
    assert (found["confirmed"], found["verdicts"]) == (True, {"agrees": 2})


def test_sysctls_are_read_inside_and_fixes_end_the_findings(netns: Netns, tmp_path: Path) -> None:
    neighbours(netns)  # ARP is restricted here
    other = netns.sibling()
    neighbours(other)
    arp_settings(other, all=(0, 0), eth0=(0, 0))
    other.batch([f"addr add {VIP}/24 dev lo", "addr add 2001:db8::10/64 dev lo nodad"])
    text = f'expect = ["{VIP}", "2001:db8::10"]'
    seen = check(tmp_path, text, "--netns", other.path)
    assert seen.kinds() == {"arp-leak": 1, "wide-prefix": 1, "black-hole-prefix": 1}
    for finding in seen.findings():
        mend(netns, finding["fix"][:1])
    seen = check(tmp_path, text, "--netns", other.path)
    assert (seen.code, seen.findings()) == (0, [])


def test_recorded_and_explained(other: Netns, knot: Knot, tmp_path: Path) -> None:
    live = check(tmp_path, configuration(knot, f'domains = ["{WWW}:80"]'), "--netns", other.path)
    file, plain, hidden = (str(tmp_path / name) for name in ("lowatch.toml", "a.json", "b.json"))
    options = ("-c", file, "--netns", other.path)
    assert lowatch("snapshot", *options, "-o", plain) == (0, "", "")
    assert lowatch("snapshot", *options, "-o", hidden, "--redact") == (0, "", "")
    assert other.path not in Path(hidden).read_text()

    for recorded, name in (plain, other.path), (hidden, "netns1"):
        code, stdout, stderr = lowatch("check", "--snapshot", recorded, "--format", "json")
        replayed = Checked(code, json.loads(stdout))
        assert (code, stderr, replayed.report["netns"]) == (live.code, "", name)
        assert replayed.kinds() == live.kinds()
    assert replayed.finding("orphan-vip")["fix"][0].startswith("ip -n netns1 address del ")

    explained = lowatch("explain", *options, WWW)
    assert (explained.code, explained.stderr) == (0, "")
    assert f" (network namespace {other.path}), " in explained.stdout
    said = " ".join(explained.stdout.split())
    assert "80/tcp orphan: no listener; a connect was refused" in said
    assert "boot unknown: configuration files are read for the first network namespace only" in said
    assert "before unknown: the daemon does not watch this network namespace" in said

    assert lowatch("diff", plain, "-c", file).code == 0  # now, in the namespace that was recorded
    listen(other, VIP, 80)
    assert "orphan -> served" in lowatch("diff", plain, "-c", file).stdout


def with_a_name(other: Netns, etc: Path, *command: str) -> list[str]:
    """The command, where the namespace has the name blue, and /etc is a directory of the test's own."""
    script = (
        "mount -t tmpfs none /run && mkdir /run/netns && touch /run/netns/blue && "
        f"mount --no-canonicalize --bind {other.path} /run/netns/blue && "
        f'mount --bind "$0" /etc && cd "$1" && shift && exec "$@"'
    )
    return ["unshare", "--mount", "sh", "-ec", script, str(etc), str(ROOT), *command]


def test_by_name_with_its_own_files_of_etc(netns: Netns, other: Netns, tmp_path: Path) -> None:
    """The C library and lowatch read what is in /etc/netns/NAME, as by `ip netns exec`."""
    etc = write_etc(
        tmp_path / "etc",
        {
            "hosts": b"",
            "nsswitch.conf": b"hosts: files dns\n",
            "resolv.conf": b"nameserver 192.0.2.53\noptions timeout:1 attempts:1\n",
        },
    )
    (etc / "netns").mkdir()
    files = {
        "hosts": f"{VIP} shop.example.com\n".encode(),
        "resolv.conf": b"nameserver 127.0.0.1\noptions timeout:1 attempts:1\n",
    }
    write_etc(etc / "netns/blue", files)
    command = [*LOWATCH, "check", "--netns", "blue", "--format", "json", f"{WWW}:80", "shop.example.com:80"]
    with other.entered(), Knot({"example.com": f"www A {VIP}\nshop A 198.51.100.7"}, port=53):
        done = subprocess.run(
            with_a_name(other, etc, *command), capture_output=True, text=True, timeout=60, check=False
        )
        assert (done.returncode, done.stderr) == (1, "")
        seen = Checked(done.returncode, json.loads(done.stdout))
        assert (seen.verdict(WWW), seen.verdict("shop.example.com")) == ("orphan", "orphan")
        assert seen.endpoints("shop.example.com")[80]["view"] == "hosts"
        assert seen.report["complete"], seen.report["problems"]
        (fix,) = {command for row in seen.findings("orphan-vip") for command in row["fix"]}
        assert fix == f"ip -n blue address del {VIP}/32 dev lo"
        subprocess.run(with_a_name(other, etc, "sh", "-ec", fix), timeout=60, check=True)
    assert VIP not in other.ip("addr show dev lo")
    assert VIP in netns.ip("addr show dev lo")


def test_another_user_may_not(other: Netns) -> None:
    """Who has no CAP_SYS_ADMIN there gets one line."""
    command = as_ordinary_user(*LOWATCH, "check", "--netns", "blue")
    done = subprocess.run(
        with_a_name(other, Path("/etc"), *command), capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (
        3,
        "",
        "lowatch: cannot enter the network namespace blue: it needs root (CAP_SYS_ADMIN)\n",
    )


OWNED = """
mkfifo "$0/ready" "$0/end"
unshare --user --map-root-user --net sh -ec '
    ip link set lo up; ip addr add 192.0.2.10/24 dev lo; echo >"$0/ready"; read line <"$0/end"
' "$0" &
read line <"$0/ready"
code=0
"$@" --netns "/proc/$!/ns/net" || code=$?
echo >"$0/end"
wait
exit $code
"""


def test_an_ordinary_users_own(netns: Netns, tmp_path: Path) -> None:
    """The kernel lets the creator of a user namespace in; no privilege is needed."""
    command = as_ordinary_user("sh", "-c", OWNED, str(tmp_path), *LOWATCH, "check", "--format", "json")
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)
    assert (done.returncode, done.stderr) == (1, "")
    seen = Checked(done.returncode, json.loads(done.stdout))
    assert [row["address"] for row in seen.held("lo")] == [VIP]
    assert seen.kinds() == {"idle-vip": 1, "wide-prefix": 1}


def test_ctrl_c_ends_it_at_once(other: Netns, knot: Knot, tmp_path: Path) -> None:
    knot.pause()  # it is asked, and does not answer
    file = tmp_path / "lowatch.toml"
    file.write_text(configuration(knot, f'domains = ["{WWW}"]', dns='timeout = "50s"'))
    command = [*LOWATCH, "check", "-c", str(file), "--netns", other.path]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        eventually(lambda: len(list(Path(f"/proc/{process.pid}/task").iterdir())) > 1)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=20)
    assert (process.returncode, stderr) == (INTERRUPTED, "")
