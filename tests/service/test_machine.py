"""The booted machine itself: quick to come, and gone without a trace."""

from pathlib import Path

import pytest

from tests.support.booted import BootError, Machine


def cgroups() -> set[Path]:
    """Of machines, wherever cgroup2 is mounted."""
    return set(Path("/sys/fs/cgroup").rglob("lowatch-test-*"))


def test_it_is_gone_with_all_that_ran_inside(installed: Machine) -> None:
    """A daemon that left its session, a mount, a transient unit. (Mounts: tests/support/leaks.py.)"""
    before = cgroups()
    with Machine() as machine:
        assert len(cgroups() - before) == 1
        machine.run("setsid sleep 1000 >/dev/null 2>&1 & mount -t tmpfs tmpfs /mnt")
        machine.run("systemd-run --quiet --unit=other sleep 1000")
        inside = machine.path(f"/proc/{machine.show('other', 'MainPID')}")
        assert inside.exists()
        leader = machine.root.parent
    assert cgroups() == before
    assert not leader.exists()
    assert installed.run("systemctl is-system-running; true").strip()


def test_what_it_writes_is_not_written_here() -> None:
    with Machine() as machine:
        machine.write("/etc/lowatch-test", "inside")
        machine.run("test -e /etc/lowatch-test")
        assert not Path("/etc/lowatch-test").exists()


def test_it_says_why_it_does_not_boot(tmp_path: Path) -> None:
    before = cgroups()
    with pytest.raises(BootError, match="overlay"), Machine(str(tmp_path / "none")):
        pass
    assert cgroups() == before
