"""What systemd-resolved's monitor needs: a polkit rule, or a proxy."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.setup.hosts import LEARN, HostRoot

RULE = "etc/polkit-1/rules.d/50-lowatch-resolved.rules"
UNITS = {f"etc/systemd/system/lowatch-resolved.{kind}" for kind in ("socket", "service")}


@pytest.fixture
def host(tmp_path: Path) -> HostRoot:
    return HostRoot(tmp_path)


def test_where_polkit_is_asked_a_rule(host: HostRoot) -> None:
    host.monitor(0o666)
    host.directory("etc/polkit-1/rules.d")
    assert host.setup("resolved") == 0
    assert host.files() == {RULE, LEARN}
    assert 'subject.system_unit == "lowatch.service"' in host.text(RULE)
    assert host.ran == ["systemctl try-restart lowatch.service"]
    assert host.setup("resolved", undo=True) == 0
    assert host.files() == set()


@pytest.mark.parametrize(("mode", "polkit"), [(0o600, True), (0o600, False), (0o666, False)])
def test_where_root_alone_may_connect_a_proxy(host: HostRoot, mode: int, polkit: bool) -> None:
    host.monitor(mode)
    if polkit:
        host.directory("etc/polkit-1/rules.d")
    assert host.setup("resolved") == 0
    assert host.files() == {*UNITS, LEARN}
    assert host.ran == [
        "systemctl daemon-reload",
        "systemctl enable --now lowatch-resolved.socket",
        "systemctl try-restart lowatch.service",
    ]
    host.ran.clear()
    assert host.setup("resolved", undo=True) == 0
    assert host.files() == set()
    assert host.ran == [
        "systemctl disable --now lowatch-resolved.socket lowatch-resolved.service",
        "systemctl daemon-reload",
        "systemctl try-restart lowatch.service",
    ]


def test_what_was_installed_before_and_after_an_upgrade_goes_at_once(host: HostRoot) -> None:
    assert host.setup("resolved") == 0
    host.monitor(0o666)
    host.directory("etc/polkit-1/rules.d")
    assert host.setup("resolved") == 0
    assert host.files() == {RULE, *UNITS, LEARN}
    assert host.setup("resolved", undo=True) == 0
    assert host.files() == set()


def test_an_ordinary_user_may_not_look_for_the_rule(
    host: HostRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The directory is polkit's alone. A test may be root, whom nothing is refused."""
    exists = Path.exists

    def refuse(path: Path) -> bool:
        if path == host.root / RULE:
            raise PermissionError
        return exists(path)

    monkeypatch.setattr(Path, "exists", refuse)
    assert host.setup("resolved", undo=True, only_show=True) == 0
    assert f"removing /{RULE}\n" in host.said
    assert host.ran == []


def test_where_it_does_not_run_a_proxy_that_waits_for_it(host: HostRoot) -> None:
    assert host.setup("resolved") == 0
    assert host.files() == {*UNITS, LEARN}
    assert "by hand: systemd-resolved does not run here" in host.said
