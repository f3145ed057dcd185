"""`lowatch clean` with the real kernel: what goes, what stays, and that an undo restores everything."""

from __future__ import annotations

import os
import pty
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from lowatch.core.changes.rows import AddressRow, RouteRow
from lowatch.kernel.changes.changer import Changer
from tests.kernel_behaviour.asking import is_local
from tests.support.cleaning import Cleaner, picture
from tests.support.daemon import Daemon, configuration
from tests.support.dns_server import Knot
from tests.support.netns import Netns
from tests.support.waiting import eventually

ZONE = """
www  A 192.0.2.10
api  A 192.0.2.11
six  AAAA 2001:db8:1::10
"""
WWW, API, SIX = (f"{name}.example.com" for name in ("www", "api", "six"))
TOP = 'hold = "0s"\ndomains = [{}]\n'

# A bridge without ARP stands in for a dummy, which some kernels lack.
DUMMY = "link add dummy0 type bridge; link set dummy0 arp off; link set dummy0 up"


class Scene(NamedTuple):
    """commands: of `ip`, joined by "; ". goes: addresses that are local no more. serving: they stay."""

    commands: str
    goes: tuple[str, ...]
    serving: tuple[str, ...] = ()
    top: str = ""


SCENES = {
    "an orphan": Scene("addr add 192.0.2.10/32 dev lo", ("192.0.2.10",)),
    "a primary among secondaries": Scene(
        "addr add 192.0.2.10/24 dev lo; addr add 192.0.2.11/24 dev lo; addr add 192.0.2.12/24 dev lo",
        ("192.0.2.10",),
        ("192.0.2.11",),
        'expect = ["192.0.2.12"]',
    ),
    "a secondary": Scene(
        "addr add 192.0.2.11/24 dev lo; addr add 192.0.2.10/24 dev lo; addr add 192.0.2.12/24 dev lo",
        ("192.0.2.10",),
        ("192.0.2.11",),
        'expect = ["192.0.2.12"]',
    ),
    "with others after it": Scene(
        "addr add 192.0.2.10/32 dev lo label lo:vip; addr add 192.0.2.11/32 dev lo; "
        "addr add 198.51.100.1/24 dev lo noprefixroute; addr add 198.51.100.2/24 dev lo noprefixroute",
        ("192.0.2.10",),
        ("192.0.2.11",),
        'expect = ["198.51.100.1", "198.51.100.2"]',
    ),
    "a prefix that covers it": Scene(
        "addr add 192.0.2.10/32 dev lo; addr add 192.0.2.11/24 dev lo", ("192.0.2.10",), ("192.0.2.11",)
    ),
    "the same address twice": Scene(
        "addr add 192.0.2.10/32 dev lo; addr add 192.0.2.10/24 dev lo", ("192.0.2.10",)
    ),
    "AnyIP around it": Scene(
        "route add local 192.0.2.0/24 dev lo mtu lock 1400; addr add 192.0.2.10/24 dev lo; "
        "addr add 192.0.2.11/24 dev lo",
        ("192.0.2.10",),
        ("192.0.2.11",),
    ),
    "a local route of a daemon": Scene(
        "route add local 192.0.2.10 dev lo table local proto 66 metric 7", ("192.0.2.10",)
    ),
    "IPv6": Scene(
        "addr add 2001:db8:1::11/128 dev lo nodad preferred_lft 0; "
        "addr add 2001:db8:1::10/64 dev lo nodad; addr add 2001:db8:1::12/64 dev lo nodad",
        ("2001:db8:1::10",),
        (),
        'expect = ["2001:db8:1::11", "2001:db8:1::12"]',
    ),
    "IPv6 beside one that a route prefers": Scene(
        "addr add 2001:db8:1::10/128 dev lo nodad; addr add 2001:db8:1::11/128 dev lo nodad; "
        "link add n0 type veth peer name n1; link set n0 addrgenmode none; link set n1 addrgenmode none; "
        "link set n0 up; link set n1 up; addr add 2001:db8:8::2/64 dev n0 nodad; "
        "-6 route add 2001:db8:9::/48 via 2001:db8:8::1 dev n0 src 2001:db8:1::11",
        ("2001:db8:1::10",),
        (),
        'expect = ["2001:db8:1::11"]',
    ),
    "an IPv6 prefix that another interface has, too": Scene(
        "link add n0 type veth peer name n1; link set n0 addrgenmode none; link set n1 addrgenmode none; "
        "link set n0 up; link set n1 up; addr add 2001:db8:1::10/64 dev lo nodad; "
        "addr add 2001:db8:1::11/64 dev n0 nodad",
        ("2001:db8:1::10",),
    ),
    "idle": Scene(
        "addr add 203.0.113.7/32 dev lo scope link; addr add 203.0.113.8/32 dev lo; "
        "addr add 2001:db8:2::7/128 dev lo nodad; addr add 192.0.2.11/32 dev lo",
        ("203.0.113.7", "203.0.113.8", "2001:db8:2::7"),
        ("192.0.2.11",),
    ),
    "an address with a lifetime": Scene(
        "addr add 192.0.2.10/32 dev lo valid_lft 5000 preferred_lft 4000; addr add 192.0.2.11/32 dev lo",
        ("192.0.2.10",),
        ("192.0.2.11",),
    ),
    "the last address of a dummy": Scene(
        f"{DUMMY}; addr add 192.0.2.10/24 dev dummy0",
        ("192.0.2.10",),
        (),
        'interfaces = ["lo", "dummy*"]',
    ),
}


@pytest.fixture
def cleaner(netns: Netns, tmp_path: Path) -> Iterator[Callable[..., Cleaner]]:
    with Knot({"example.com": ZONE}, host="127.0.0.53") as knot:

        def prepare(commands: str, top: str = "", names: str = f"{WWW}:80 {API}:80 {SIX}:80") -> Cleaner:
            for command in filter(None, commands.split("; ")):
                netns.ip(command)
            domains = ", ".join(f'"{name}"' for name in names.split())
            return Cleaner(tmp_path, configuration(knot, TOP.format(domains) + top))

        yield prepare


def settled() -> None:
    """IPv6's local routes come from a work queue."""
    with Changer() as changer:
        eventually(lambda: _all_local(*changer.state()))


def _all_local(addresses: tuple[AddressRow, ...], routes: tuple[RouteRow, ...]) -> bool:
    local = {route.prefix.address for route in routes if route.table == 255}
    return all(row.address in local for row in addresses)


@pytest.mark.parametrize("promote", [0, 1])
@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
def test_what_goes_comes_back_exactly_as_it_was(
    netns: Netns, cleaner: Callable[..., Cleaner], scene: Scene, promote: int
) -> None:
    netns.sysctl("net.ipv4.conf.all.promote_secondaries", promote)
    clean = cleaner(scene.commands, scene.top)
    for address in scene.serving:
        netns.listener(address, 80)
    settled()
    before = picture()

    plan = clean.plan()
    assert picture() == before  # without --apply nothing is changed
    assert "lowatch clean --apply would fix" in plan.stdout

    done = clean.apply()
    assert (done.code, done.stderr) == (0, ""), done
    assert [address for address in scene.goes if is_local(address)] == []
    for address in scene.serving:
        netns.sockets.connect(address, 80)
    assert clean.apply().stdout.find("undo script") == -1  # nothing is left to be done

    undone = clean.undo()
    assert (undone.code, undone.stderr) == (0, ""), undone
    settled()
    assert picture() == before
    again = clean.undo()
    assert (again.code, again.stdout) == (
        0,
        "nothing to undo: addresses, routes and their order are as before\n",
    )


@pytest.mark.parametrize("changes", range(5))
def test_what_was_killed_in_the_middle_can_be_undone(
    netns: Netns, cleaner: Callable[..., Cleaner], changes: int
) -> None:
    """The plan has five steps."""
    clean = cleaner(SCENES["a primary among secondaries"].commands, 'expect = ["192.0.2.12"]')
    netns.listener("192.0.2.11", 80)
    before = picture()
    assert clean.killed_after(changes) == -9
    assert (picture() == before) == (changes == 0)
    undone = clean.undo()
    assert (undone.code, undone.stderr) == (0, "")
    assert picture() == before


def test_the_script_itself_adds_the_addresses_again(netns: Netns, cleaner: Callable[..., Cleaner]) -> None:
    clean = cleaner(
        "addr add 192.0.2.10/24 dev lo; addr add 192.0.2.11/24 dev lo; "
        "route append local 192.0.2.10 dev lo table local proto 66 mtu lock 1400"
    )
    netns.listener("192.0.2.11", 80)
    before = picture()
    assert clean.apply().code == 0
    (script,) = clean.scripts()
    netns.run("sh", "-e", str(script))
    assert picture() == before


def test_the_script_is_for_root_alone(netns: Netns, cleaner: Callable[..., Cleaner]) -> None:
    clean = cleaner("addr add 192.0.2.10/32 dev lo")
    done = clean.apply()
    (script,) = clean.scripts()
    assert f"undo script: {script}\n" in done.stdout
    assert stat.S_IMODE(script.stat().st_mode) == 0o600
    assert "deleted 192.0.2.10/32 dev lo\n1 of 1 plan done\n" in done.stdout
    script.chmod(0o620)
    refused = clean.undo()
    assert (refused.code, refused.stdout) == (2, "")
    assert refused.stderr == f"lowatch: {script}: others than root may have written it\n"


UNTOUCHED = {
    "acknowledged": (
        '[[acknowledge]]\nkind = "orphan-vip"\nuntil = 2099-01-31\nreason = "kept"\n',
        "--apply does not touch it: it is acknowledged",
    ),
    "expected": ('expect = ["192.0.2.10"]\n', "192.0.2.10 is expected here"),
}


@pytest.mark.parametrize(("top", "why"), UNTOUCHED.values(), ids=UNTOUCHED)
def test_what_must_stay_is_not_touched(
    netns: Netns, cleaner: Callable[..., Cleaner], top: str, why: str
) -> None:
    clean = cleaner("addr add 192.0.2.10/32 dev lo", top if "[[" not in top else "")
    if "[[" in top:
        clean.file.write_text(f"{clean.file.read_text()}{top}")
    before = picture()
    done = clean.apply()
    assert (done.code, done.stderr) == (0, "")
    assert why in " ".join(done.stdout.split())
    assert picture() == before
    assert clean.scripts() == []


def test_only_what_is_named(netns: Netns, cleaner: Callable[..., Cleaner]) -> None:
    clean = cleaner("addr add 192.0.2.10/32 dev lo; addr add 203.0.113.7/32 dev lo")
    assert "203.0.113.7" not in clean.plan("orphan-vip").stdout
    assert clean.apply("203.0.113.7").code == 0
    assert (is_local("192.0.2.10"), is_local("203.0.113.7")) == (True, False)
    assert clean.apply("idle-vip").stdout.startswith("Nothing to fix there: ")
    assert clean.apply("orphan-vip").code == 0
    assert not is_local("192.0.2.10")


def test_it_asks_once(netns: Netns, cleaner: Callable[..., Cleaner]) -> None:
    clean = cleaner("addr add 192.0.2.10/32 dev lo; addr add 203.0.113.7/32 dev lo")
    refused = clean.apply(answers="\n")
    assert refused.code == 1
    assert "Carry out 2 plans? [y/N] lowatch: nothing is changed\n" in refused.stderr
    assert (is_local("192.0.2.10"), clean.scripts()) == (True, [])
    done = clean.apply(answers="y\n")
    assert done.code == 0
    assert done.stderr.count("[y/N]") == 1
    assert not is_local("192.0.2.10")


def test_it_asks_at_a_real_terminal(netns: Netns, cleaner: Callable[..., Cleaner]) -> None:
    clean = cleaner("addr add 192.0.2.10/32 dev lo")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "lowatch", "clean", "--apply", "-c", str(clean.file)]
    with subprocess.Popen(
        command, stdin=theirs, stderr=theirs, stdout=subprocess.PIPE, env={**os.environ, **clean.variables}
    ) as process:
        os.close(theirs)
        said = b""
        while b"[y/N]" not in said:
            said += os.read(ours, 4096)
        os.write(ours, b"y\n")
        assert process.stdout is not None
        assert b"1 of 1 plan done" in process.stdout.read()
    os.close(ours)
    assert process.returncode == 0
    assert not is_local("192.0.2.10")


def test_it_refuses_to_go_on_where_something_has_changed(
    netns: Netns, cleaner: Callable[..., Cleaner], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another address comes after the audit, and before the first command."""
    clean = cleaner("addr add 192.0.2.10/32 dev lo")
    observed = []

    def state(self: Changer, state: Callable[[Changer], object] = Changer.state) -> object:
        observed.append(None)
        if len(observed) == 2:
            netns.ip("addr add 203.0.113.7/32 dev lo")
        return state(self)

    monkeypatch.setattr(Changer, "state", state)
    done = clean.apply()
    assert done.code == 1
    assert done.stderr == ("lowatch: stopped: addresses or routes have changed since the plan was made\n")
    assert is_local("192.0.2.10")
    assert clean.scripts() == []


@pytest.mark.parametrize(
    ("options", "why"), [("size=4k", "No space left on device"), ("ro", "Read-only file system")]
)
def test_a_disk_that_cannot_be_written_stops_it_before_anything_is_changed(
    netns: Netns, cleaner: Callable[..., Cleaner], tmp_path: Path, options: str, why: str
) -> None:
    clean = cleaner("addr add 192.0.2.10/32 dev lo")
    state = tmp_path / "state"
    state.mkdir()
    netns.run("mount", "-t", "tmpfs", "-o", options, "none", str(state))
    try:
        if options != "ro":
            (state / "full").write_bytes(bytes(4096))
        before = picture()
        done = clean.apply()
        assert (done.code, picture()) == (1, before)
        [line] = done.stderr.splitlines()
        assert line.startswith(f"lowatch: stopped: {state}/undo-")
        assert line.endswith(f".sh: cannot be written: {why}")
        assert clean.scripts() == []
    finally:
        netns.run("umount", str(state))


def test_a_state_directory_that_is_none_stops_it(
    netns: Netns, cleaner: Callable[..., Cleaner], tmp_path: Path
) -> None:
    clean = cleaner("addr add 192.0.2.10/32 dev lo")
    (tmp_path / "state").write_text("no directory")
    before = picture()
    done = clean.apply()
    assert done.code == 1
    assert done.stderr == f"lowatch: stopped: {tmp_path / 'state'}: cannot be written: File exists\n"
    assert picture() == before


def test_without_pyroute2_nothing_is_changed(
    cleaner: Callable[..., Cleaner], monkeypatch: pytest.MonkeyPatch
) -> None:
    clean = cleaner("addr add 192.0.2.10/32 dev lo")
    monkeypatch.setitem(sys.modules, "lowatch.wiring.clean", None)
    before = picture()
    done = clean.apply()
    assert (done.code, picture()) == (1, before)
    assert done.stderr.startswith("lowatch: to change addresses and routes takes pyroute2: ")


def test_the_last_ipv4_address_of_an_interface_keeps_its_routes(
    netns: Netns, cleaner: Callable[..., Cleaner]
) -> None:
    """Each of two could go, but not both: their AnyIP route would go with the last one."""
    clean = cleaner(
        f"{DUMMY}; addr add 192.0.2.10/32 dev dummy0; "
        "addr add 203.0.113.7/32 dev dummy0; route add local 192.0.2.11 dev dummy0",
        'interfaces = ["lo", "dummy*"]\n',
    )
    netns.listener("192.0.2.11", 80)
    done = clean.apply()
    assert done.code == 1
    assert "removing the last address of dummy0 would also remove the route 192.0.2.11/32\n" in done.stderr
    assert is_local("192.0.2.11")
    assert is_local("192.0.2.10") != is_local("203.0.113.7")


def test_it_waits_for_the_hold_where_no_daemon_runs(netns: Netns, cleaner: Callable[..., Cleaner]) -> None:
    clean = cleaner("addr add 192.0.2.10/32 dev lo")
    clean.file.write_text(clean.file.read_text().replace('hold = "0s"', 'hold = "1s"'))
    done = clean.apply()
    assert (done.code, done.stderr) == (0, "lowatch: waiting 1 s (hold), to see whether they last\n")
    assert "Since when is not known: not running: there is no" in done.stdout
    assert not is_local("192.0.2.10")


@pytest.mark.parametrize("hold", ["0s", "1h"])
def test_what_the_daemon_does_not_report_as_firing_stays(
    netns: Netns,
    cleaner: Callable[..., Cleaner],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    hold: str,
) -> None:
    clean = cleaner("addr add 192.0.2.10/32 dev lo")
    text = clean.file.read_text().replace('hold = "0s"', f'hold = "{hold}"')
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    with Daemon(tmp_path, text) as daemon:
        state = "firing" if hold == "0s" else "pending"
        daemon.until(lambda: [row["state"] for row in daemon.findings("orphan-vip")] == [state])
        netns.ip("addr add 203.0.113.7/32 dev lo")
        daemon.until(lambda: daemon.findings("idle-vip") != [])
        done = clean.apply("orphan-vip")
    assert done.code == 0
    assert is_local("192.0.2.10") is (hold == "1h")
    told = " ".join(done.stdout.split())
    assert ("for the running daemon it is pending" in told) is (hold == "1h")
    assert "Since when is not known" not in told
    assert " since 20" in told


def test_an_ordinary_user_may_look_but_not_change(
    netns: Netns, cleaner: Callable[..., Cleaner], monkeypatch: pytest.MonkeyPatch
) -> None:
    clean = cleaner("addr add 192.0.2.10/32 dev lo")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert clean.plan().code == 0
    assert clean.apply()[0::2] == (2, "lowatch: --apply needs root\n")
    assert clean("--undo", "x")[0::2] == (2, "lowatch: --undo needs root\n")


def test_without_a_terminal_it_wants_yes(netns: Netns, cleaner: Callable[..., Cleaner]) -> None:
    clean = cleaner("addr add 192.0.2.10/32 dev lo")
    done = clean("--apply", "-c", str(clean.file))
    why = "lowatch: --apply asks first, but there is no terminal (give --yes)\n"
    assert tuple(done) == (2, "", why)
    assert is_local("192.0.2.10")


def test_a_script_of_elsewhere_is_refused(netns: Netns, cleaner: Callable[..., Cleaner]) -> None:
    clean = cleaner("addr add 192.0.2.10/32 dev lo")
    assert clean.apply().code == 0
    with netns.sibling().entered():
        refused = clean.undo()
    assert refused.code == 2
    assert refused.stderr.endswith(": was written in another network namespace\n")
    assert clean.undo().code == 0


def test_what_others_changed_since_is_kept_and_told(netns: Netns, cleaner: Callable[..., Cleaner]) -> None:
    clean = cleaner("addr add 192.0.2.10/32 dev lo; addr add 192.0.2.11/32 dev lo")
    netns.listener("192.0.2.11", 80)
    assert clean.apply().code == 0
    netns.ip("addr del 192.0.2.11/32 dev lo")
    netns.ip("addr add 203.0.113.7/32 dev lo")
    undone = clean.undo()
    assert undone.code == 1
    assert undone.stderr == (
        "lowatch: not as it was before: 192.0.2.11/32 dev lo is missing\n"
        "lowatch: not as it was before: 203.0.113.7/32 dev lo is new\n"
    )
    assert [is_local(one) for one in ("192.0.2.10", "192.0.2.11", "203.0.113.7")] == [True, False, True]


def test_an_undo_that_was_killed_is_continued(netns: Netns, cleaner: Callable[..., Cleaner]) -> None:
    """Between deleting an address and adding it again: a route keeps it local."""
    clean = cleaner("addr add 192.0.2.10/32 dev lo; addr add 192.0.2.11/32 dev lo")
    netns.listener("192.0.2.11", 80)
    before = picture()
    assert clean.apply().code == 0
    for command in (
        "address add 192.0.2.10/32 dev lo",
        "route add local 192.0.2.11 dev lo table local proto static metric 27759",
        "address del 192.0.2.11/32 dev lo",
    ):
        netns.ip(command)
    netns.sockets.connect("192.0.2.11", 80)
    assert clean.undo().code == 0
    assert picture() == before


@pytest.mark.parametrize("answer", ["y", "n"])
def test_the_undo_is_offered_where_something_is_served_no_more(
    netns: Netns, cleaner: Callable[..., Cleaner], monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    """A service stops meanwhile."""
    clean = cleaner("addr add 192.0.2.10/32 dev lo; addr add 192.0.2.11/32 dev lo")
    listener = netns.listener("192.0.2.11", 80)
    before = picture()
    delete = Changer.delete_address

    def deleting(self: Changer, row: AddressRow) -> None:
        listener.close()
        delete(self, row)

    monkeypatch.setattr(Changer, "delete_address", deleting)
    done = clean.apply(answers=f"y\n{answer}\n")
    assert done.code == 1
    assert "lowatch: no longer served: api.example.com at 192.0.2.11, 80/tcp\n" in done.stderr
    assert "Undo it? [y/N]" in done.stderr
    assert (picture() == before) is (answer == "y")
    if answer == "n":
        assert f"lowatch: to undo it: lowatch clean --undo {clean.scripts()[0]}\n" in done.stderr


def test_a_damaged_script_is_refused_in_one_line(netns: Netns, cleaner: Callable[..., Cleaner]) -> None:
    clean = cleaner("addr add 192.0.2.10/32 dev lo")
    assert clean.apply().code == 0
    (script,) = clean.scripts()
    text = script.read_text()
    for damaged in ("", "\0", text[:-30], text.replace("192.0.2.10", "192.0.2.99", 1), "#: [[[[", "é"):
        script.write_text(damaged)
        refused = clean.undo()
        assert (refused.code, refused.stdout) == (2, "")
        assert refused.stderr.startswith(f"lowatch: {script}: ")
        assert refused.stderr.count("\n") == 1
    subprocess.run(["mkfifo", f"{script}.sh"], check=True)
    assert clean("--undo", f"{script}.sh").stderr == f"lowatch: {script}.sh: a FIFO, not a regular file\n"
    assert clean("--undo", "/nowhere").stderr == "lowatch: /nowhere: No such file or directory\n"
    assert not is_local("192.0.2.10")
