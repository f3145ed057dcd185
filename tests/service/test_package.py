"""The package is installed, upgraded, removed and purged, each on a machine that is thrown away."""

import re
from collections.abc import Iterator

import pytest

from tests.service.conftest import WWW
from tests.support.booted import Machine
from tests.support.booted_unit import Unit, settings
from tests.support.dns_server import Knot
from tests.support.package import OLDER, built_deb

KEPT = (
    "etc/.pwd.lock",
    *("etc/passwd", "etc/group", "etc/shadow", "etc/gshadow"),
    "run/log",
    "run/systemd",
    "var/cache",
    "var/lib/dpkg",
    "var/lib/systemd/catalog",
    "var/log",
)
"""Where dpkg, journald and systemd keep their own accounts of what was there; and the user, whose uid
must not be given to anybody else."""
CONFIGURATION = "/etc/lowatch/lowatch.toml"
ARGUMENTS = "/etc/default/lowatch"


@pytest.fixture
def bare() -> Iterator[Machine]:
    """lowatch was never there. The test is inside its network, and 192.0.2.10 is held on lo."""
    with Machine() as machine, machine.netns.entered():
        machine.netns.ip("addr add 192.0.2.10/32 dev lo")
        machine.copy(built_deb(version=OLDER), "/root/older.deb")
        machine.copy(built_deb(), "/root/lowatch.deb")
        yield machine


@pytest.fixture(scope="module")
def shared() -> Iterator[Machine]:
    """lowatch was installed, and nothing else was done."""
    with Machine() as machine:
        machine.copy(built_deb(), "/root/lowatch.deb")
        machine.run("dpkg --install /root/lowatch.deb")
        assert machine.show("lowatch.service", "ActiveState") == "active"
        yield machine


@pytest.fixture
def installed(shared: Machine) -> Iterator[Machine]:
    """It runs, before the test and after it; and may have a few more users."""
    with shared.netns.entered():
        yield shared
        shared.run("systemctl start lowatch.service")


@pytest.fixture
def knot(bare: Machine) -> Iterator[Knot]:
    with Knot({"example.com": "www A 192.0.2.10"}) as running:
        yield running


def left_behind(machine: Machine, since: str) -> list[str]:
    """What was made or changed after the file `since`, or is named after lowatch."""
    made = rf"\( -cnewer {since} ! -type d -o -name '*lowatch*' \)"
    places = f"find /etc /opt /run /srv /tmp /usr /var -xdev {made}"
    return [path for path in machine.run(places).splitlines() if not path.lstrip("/").startswith(KEPT)]


def test_installed_it_runs(installed: Machine) -> None:
    """And at each boot; the socket unit waits for those who want it."""
    assert installed.show("lowatch.service", "ActiveState") == "active"
    assert installed.run("systemctl is-enabled lowatch.service").strip() == "enabled"
    assert installed.attempt("systemctl is-enabled lowatch.socket").stdout.strip() == "disabled"
    assert installed.run("lowatch config check")
    # Nothing is configured yet: that is not the same as nothing being wrong.
    assert "no problems" not in installed.run("systemctl status --no-pager lowatch.service")
    assert "nothing to check" in installed.show("lowatch.service", "StatusText")


def test_its_user_and_group_are_there_whether_it_runs_or_not(installed: Machine) -> None:
    """In the host's own files, where D-Bus, polkit and usermod look for them."""
    unit = Unit(installed)
    known = installed.run("getent --service=files passwd lowatch; getent --service=files group lowatch")
    user, group = (line.split(":") for line in known.splitlines())
    status = installed.path(f"/proc/{unit.pid}/status").read_text()
    assert f"Uid:\t{user[2]}\t{user[2]}\t" in status
    assert f"Gid:\t{group[2]}\t{group[2]}\t" in status
    assert user[5:] == ["/", "/usr/sbin/nologin"]
    installed.run("systemctl stop lowatch.service && getent --service=files passwd lowatch")
    # A user that exists only while the service runs is sent away by dbus-daemon.
    installed.run("mkdir -p /run/dbus && dbus-daemon --system --fork --nopidfile")
    as_it = f"setpriv --reuid={user[2]} --regid={group[2]} --clear-groups"
    assert "org.freedesktop.DBus" in installed.run(f"{as_it} busctl --system --no-pager list")


def test_a_member_of_its_group_may_ask_and_nobody_else(installed: Machine) -> None:
    installed.run("useradd ops && useradd other && usermod -aG lowatch ops")
    assert "lowatch" in installed.run("runuser -u ops -- lowatch status")
    assert installed.attempt("runuser -u ops -- lowatch reload").returncode == 0
    refused = installed.attempt("runuser -u other -- lowatch status")
    assert (refused.returncode, refused.stdout) == (3, "")
    assert "group lowatch" in refused.stderr


def test_arguments_of_the_command_line_have_a_file(bare: Machine) -> None:
    """It is a conffile: an upgrade keeps what was changed, and it may be absent."""
    bare.run("dpkg --install /root/older.deb")
    unit = Unit(bare)
    changed = 'ARGS="--log.level=debug --web.listen-address=127.0.0.1:10050"\n'
    bare.write(ARGUMENTS, changed)
    bare.run("dpkg --force-confold --install /root/lowatch.deb")
    command = bare.path(f"/proc/{unit.pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    assert command[-3:] == [b"run", b"--log.level=debug", b"--web.listen-address=127.0.0.1:10050"]
    assert bare.path(ARGUMENTS).read_text() == changed
    bare.run(f"rm {ARGUMENTS}")
    cursor = bare.cursor()
    unit.restart()
    assert not [e for e in bare.journal(after=cursor, _PID="1") if "ARGS" in e["MESSAGE"]]


def versions(unit: Unit) -> set[str]:
    """What lowatch_build_info tells of itself."""
    names = [name for name in unit.metrics() if name.startswith("lowatch_build_info{")]
    return {found[1] for name in names if (found := re.search(r'[{,]version="([^"]+)"', name))}


def test_upgraded_it_keeps_configuration_and_state(bare: Machine, knot: Knot) -> None:
    """The new one runs, with what the administrator wrote; nothing is announced again."""
    bare.run("dpkg --install /root/older.deb")
    unit = Unit(bare, settings(knot, f'hold = "0s"\ndomains = ["{WWW}:80"]'))
    unit.restart()
    unit.until(lambda: unit.announced("orphan-vip") == ["firing"])
    written, before, pid = bare.path(CONFIGURATION).read_text(), unit.findings("orphan-vip"), unit.pid
    assert "0.0.1" in versions(unit)
    bare.run("dpkg --force-confold --install /root/lowatch.deb")
    assert unit.show("ActiveState") == "active"
    assert unit.pid != pid
    assert "0.0.1" not in versions(unit)
    assert bare.path(CONFIGURATION).read_text() == written
    assert unit.findings("orphan-vip") == before
    assert unit.announced("orphan-vip") == ["firing"]


def test_removed_it_keeps_what_is_needed_to_come_back(bare: Machine) -> None:
    bare.run("dpkg --install /root/lowatch.deb")
    Unit(bare, "domains = []\n")
    bare.run("dpkg --remove lowatch")
    assert bare.show("lowatch.service", "LoadState") == "not-found"
    assert bare.path(CONFIGURATION).read_text() == "domains = []\n"
    assert bare.path("/var/lib/private/lowatch/findings.json").exists()


def test_purged_it_leaves_nothing(bare: Machine, knot: Knot) -> None:
    bare.run("touch /root/before")
    bare.run("dpkg --install /root/lowatch.deb")
    unit = Unit(bare, settings(knot, f'hold = "0s"\ndomains = ["{WWW}:80"]'))
    unit.restart()
    unit.until(lambda: unit.announced("orphan-vip") == ["firing"])
    bare.run("dpkg --purge lowatch")
    assert left_behind(bare, "/root/before") == []
    assert "lowatch" not in bare.run("systemctl list-unit-files --all; systemctl list-units --all")
    assert "lowatch" not in bare.run("journalctl --list-catalog")


def test_so_do_the_daemons_for_other_network_namespaces(bare: Machine) -> None:
    """Upgraded, removed and purged with it."""
    bare.run("touch /root/before; dpkg --install /root/older.deb; ip netns add blue")
    bare.run("systemctl enable --now lowatch@blue.socket; systemctl enable --now lowatch@blue")
    before = bare.show("lowatch@blue.service", "MainPID")
    bare.run("dpkg --force-confold --install /root/lowatch.deb")
    bare.until(lambda: bare.show("lowatch@blue.service", "ActiveState") == "active")
    assert bare.show("lowatch@blue.service", "MainPID") not in ("0", before)
    bare.run("dpkg --purge lowatch; ip netns del blue; rmdir /run/netns || true")
    assert left_behind(bare, "/root/before") == []
    assert "lowatch@" not in bare.run("systemctl list-units --all")
