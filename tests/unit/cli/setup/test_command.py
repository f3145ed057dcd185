"""lowatch setup: what it shows, what it writes, and what it leaves alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from lowatch.cli.exit_codes import CommandError
from lowatch.cli.setup.command import run_command
from tests.unit.cli.setup.hosts import LEARN, HostRoot


@pytest.fixture
def host(tmp_path: Path) -> HostRoot:
    return HostRoot(tmp_path)


def test_it_shows_all_that_it_does(host: HostRoot) -> None:
    host.setup("dnstap", only_show=True)
    assert host.said == (
        "writing /etc/systemd/system/lowatch.service.d/dnstap.conf:\n"
        "    # By `lowatch setup dnstap`: resolvers run as users of their own. The control socket keeps "
        "its mode.\n"
        "    [Service]\n"
        "    RuntimeDirectoryMode=0755\n"
        "writing /etc/lowatch/lowatch.d/learn.toml:\n"
        "    # By `lowatch setup`.\n"
        "    [names]\n"
        '    learn = ["dnstap"]\n'
        "running systemctl daemon-reload\n"
        "running systemctl try-restart lowatch.service\n"
        "by hand: no unbound and no BIND here: point another resolver's dnstap at "
        "/run/lowatch/dnstap.sock\n"
    )
    assert host.files() == set()
    assert host.ran == []


@pytest.mark.parametrize("content", [None, "", "[names]\nlearn = []\n"])
def test_each_source_is_switched_on_beside_the_others(host: HostRoot, content: str | None) -> None:
    if content is not None:
        host.directory("etc/lowatch")
        (host.root / "etc/lowatch/lowatch.toml").write_text(content)
    before = host.files()
    host.setup("resolved")
    host.setup("dnstap")
    host.setup("dnstap")
    assert host.text(LEARN).endswith('[names]\nlearn = ["resolved", "dnstap"]\n')
    host.setup("resolved", undo=True)
    assert host.text(LEARN).endswith('learn = ["dnstap"]\n')
    host.setup("dnstap", undo=True)
    assert host.files() == before, "nothing is left"


def test_what_somebody_else_has_switched_on_is_theirs(host: HostRoot) -> None:
    host.directory("etc/lowatch")
    (host.root / "etc/lowatch/lowatch.toml").write_text('[names]\nlearn = ["dnstap"]\n')
    host.setup("dnstap", undo=True)
    said = 'by hand: names.learn of /etc/lowatch/lowatch.toml has "dnstap": remove it there\n'
    assert host.said.endswith(said)


def test_what_somebody_else_has_switched_on_is_not_repeated(host: HostRoot) -> None:
    """learn.toml would go on overriding lowatch.toml."""
    host.directory("etc/lowatch")
    (host.root / "etc/lowatch/lowatch.toml").write_text('[names]\nlearn = ["ptr"]\n')
    before = host.files()
    host.setup("dnstap")
    assert host.text(LEARN).endswith('learn = ["ptr", "dnstap"]\n')
    host.setup("dnstap", undo=True)
    assert host.files() == before


def test_a_command_that_fails_is_reported_and_is_the_last_one(host: HostRoot) -> None:
    host.broken = ("systemctl daemon-reload",)
    assert host.setup("dnstap") == 1
    assert host.ran == ["systemctl daemon-reload"]
    assert "running systemctl daemon-reload\nfailed: systemctl daemon-reload: it is masked\n" in host.said
    assert "running systemctl try" not in host.said


def test_a_configuration_with_errors_is_left_alone(host: HostRoot) -> None:
    host.directory("etc/lowatch")
    (host.root / "etc/lowatch/lowatch.toml").write_text("colour = 1\n")
    with pytest.raises(CommandError) as error:
        host.setup("dnstap")
    assert "unknown key" in error.value.lines[0]
    assert host.files() == {"etc/lowatch/lowatch.toml"}


def test_taking_away_what_was_never_installed_changes_nothing_else(host: HostRoot) -> None:
    assert host.setup("resolved", undo=True) == 0
    assert host.setup("dnstap", undo=True) == 0
    assert host.files() == set()


def test_commands_are_run_for_real() -> None:
    assert run_command(["true"]) == ""
    assert run_command(["false"]) == "exit code 1"
    assert run_command(["sh", "-c", "echo one; echo two >&2; exit 3"]) == "two"
    assert "No such file" in run_command(["/nonexistent"])
