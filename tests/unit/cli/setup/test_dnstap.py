"""What dnstap needs: a directory that resolvers may enter, and resolvers that write to it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.unit.cli.setup.hosts import LEARN, HostRoot

DROP_IN = "etc/systemd/system/lowatch.service.d/dnstap.conf"
UNBOUND = "etc/unbound/unbound.conf.d/lowatch.conf"


@pytest.fixture
def host(tmp_path: Path) -> HostRoot:
    return HostRoot(tmp_path)


def test_unbound_is_told(host: HostRoot) -> None:
    host.directory("etc/unbound/unbound.conf.d")
    assert host.setup("dnstap") == 0
    assert host.files() == {DROP_IN, UNBOUND, LEARN}
    assert host.ran == [
        "systemctl daemon-reload",
        "systemctl try-restart lowatch.service",
        "systemctl try-restart unbound.service",
    ]
    assert "by hand" not in host.said
    assert host.setup("dnstap", undo=True) == 0
    assert host.files() == set()


@pytest.fixture
def checked(host: HostRoot) -> HostRoot:
    """unbound runs there."""
    host.directory("sys/fs/cgroup/system.slice/unbound.service")
    host.directory("etc/unbound/unbound.conf.d")
    host.directory("usr/sbin")
    (host.root / "usr/sbin/unbound-checkconf").touch()
    return host


def test_unbound_is_asked_before_anything_is_restarted(checked: HostRoot) -> None:
    assert checked.setup("dnstap") == 0
    assert checked.ran == [
        "unbound-checkconf",
        "systemctl daemon-reload",
        "systemctl try-restart lowatch.service",
        "systemctl try-restart unbound.service",
    ]
    checked.ran.clear()
    assert checked.setup("dnstap", undo=True) == 0
    assert checked.ran[-2:] == ["unbound-checkconf", "systemctl try-restart unbound.service"]


def test_an_unbound_that_does_not_run_is_not_asked(checked: HostRoot) -> None:
    """It may never have run: unbound-checkconf refuses a trust anchor that its first start makes."""
    (checked.root / "sys/fs/cgroup/system.slice/unbound.service").rmdir()
    assert checked.setup("dnstap") == 0
    assert "unbound-checkconf" not in checked.ran
    assert UNBOUND in checked.files()


def test_a_configuration_that_unbound_refuses_stops_no_dns(checked: HostRoot) -> None:
    checked.broken = ("unbound-checkconf",)
    assert checked.setup("dnstap") == 1
    assert checked.ran == ["unbound-checkconf"]
    assert "failed: unbound-checkconf: it is masked\n" in checked.said
    assert UNBOUND not in checked.files(), "nor at its next start"


@pytest.mark.parametrize(
    ("text", "theirs"),
    [
        ("dnstap:\n  dnstap-enable: yes\n", True),
        ('dnstap: dnstap-enable:"yes"\n', True),
        ("dnstap:\n  # dnstap-enable: yes\n  dnstap-enable: no\n", False),
    ],
)
def test_a_dnstap_of_somebody_else_is_theirs(checked: HostRoot, text: str, theirs: bool) -> None:
    other = "etc/unbound/unbound.conf.d/other.conf"
    (checked.root / other).write_text(text)
    os.mkfifo(checked.root / "etc/unbound/unbound.conf.d/a.conf")
    assert checked.setup("dnstap") == 0
    assert (UNBOUND not in checked.files()) is theirs
    assert (f"by hand: unbound: /{other} has its own dnstap: set " in checked.said) is theirs
    assert ("systemctl try-restart unbound.service" not in checked.ran) is theirs
    assert checked.setup("dnstap", undo=True) == 0
    assert checked.files() == {other}


def test_of_bind_and_apparmor_only_a_person_can_change_the_files(host: HostRoot) -> None:
    host.directory("etc/bind")
    host.directory("etc/apparmor.d")
    (host.root / "etc/apparmor.d/usr.sbin.named").touch()
    assert host.setup("dnstap") == 0
    assert host.files() == {DROP_IN, LEARN, "etc/apparmor.d/usr.sbin.named"}
    bind, apparmor = [line for line in host.said.splitlines() if line.startswith("by hand: ")]
    assert bind == (
        "by hand: BIND: add to the options of /etc/bind/named.conf.options: dnstap { client response; auth "
        'response; }; dnstap-output unix "/run/lowatch/dnstap.sock";'
    )
    assert apparmor == (
        "by hand: AppArmor: add `/run/lowatch/dnstap.sock rw,` to /etc/apparmor.d/local/usr.sbin.named, "
        "then apparmor_parser --replace /etc/apparmor.d/usr.sbin.named"
    )
    host.said = ""
    assert host.setup("dnstap", undo=True) == 0
    assert "by hand: BIND: remove from the options of /etc/bind/named.conf.options: dnstap {" in host.said
    assert (
        "by hand: AppArmor: remove `/run/lowatch/dnstap.sock rw,` from /etc/apparmor.d/local/" in host.said
    )


def test_other_drop_ins_stay_and_a_directory_without_any_goes(host: HostRoot) -> None:
    other = host.root / "etc/systemd/system/lowatch.service.d/other.conf"
    assert host.setup("dnstap") == 0
    other.touch()
    assert host.setup("dnstap", undo=True) == 0
    assert host.files() == {str(other.relative_to(host.root))}
    other.unlink()
    assert host.setup("dnstap") == 0
    assert host.setup("dnstap", undo=True) == 0
    assert not other.parent.exists()
    assert other.parent.parent.exists()


def test_where_there_is_no_resolver(host: HostRoot) -> None:
    assert host.setup("dnstap") == 0
    assert "by hand: no unbound and no BIND here: point another resolver's dnstap at" in host.said
