"""What a trace needs: an instance at each boot, and a service that is handed it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lowatch.cli.exit_codes import CommandError
from lowatch.cli.setup.trace import DROP_IN, DROP_IN_BEFORE, INSTANCE
from tests.support.repository import ROOT
from tests.unit.cli.setup.hosts import HostRoot

TMPFILES = "etc/tmpfiles.d/lowatch-trace.conf"
SERVICE = "etc/systemd/system/lowatch.service.d/trace.conf"


@pytest.fixture
def host(tmp_path: Path) -> HostRoot:
    return HostRoot(tmp_path)


def test_it_is_installed_and_taken_away(host: HostRoot) -> None:
    host.directory("sys/kernel/tracing/instances/lowatch")
    (host.root / "sys/kernel/tracing/saved_cmdlines").touch()
    assert host.setup("trace") == 0
    assert host.files() == {TMPFILES, SERVICE}, "it has no key of the configuration"
    assert host.ran == [
        "systemd-tmpfiles --create /etc/tmpfiles.d/lowatch-trace.conf",
        "systemctl daemon-reload",
        "systemctl try-restart lowatch.service",
    ]
    host.ran.clear()
    assert host.setup("trace", undo=True) == 0
    assert host.files() == set()
    assert host.ran == [
        "systemctl daemon-reload",
        "systemctl try-restart lowatch.service",
        "rmdir /sys/kernel/tracing/instances/lowatch",
        "chmod 0440 /sys/kernel/tracing/saved_cmdlines",
        "rm -f /run/lowatch-saved-names",
    ]


def test_shown_only_nothing_is_done(host: HostRoot) -> None:
    host.directory("sys/kernel/tracing/instances")
    assert host.setup("trace", only_show=True) == 0
    assert (host.files() if (host.root / "etc").exists() else set()) == set()
    assert host.ran == []
    assert "StandardInput=file:/sys/kernel/tracing/instances/lowatch/trace_pipe" in host.said


def test_where_no_instance_can_be_made_the_service_is_left_as_it_was(host: HostRoot) -> None:
    host.directory("sys/kernel/tracing/instances")
    host.broken = ("systemd-tmpfiles",)
    assert host.setup("trace") == 1
    assert host.files() == {TMPFILES}
    assert host.ran == ["systemd-tmpfiles --create /etc/tmpfiles.d/lowatch-trace.conf"]
    assert "failed: systemd-tmpfiles --create /etc/tmpfiles.d/lowatch-trace.conf: " in host.said
    assert f"removing /{SERVICE}\n" in host.said


def test_without_tracefs_the_service_is_left_alone(host: HostRoot) -> None:
    with pytest.raises(CommandError, match="no tracefs"):
        host.setup("trace")
    assert host.ran == []
    assert host.setup("trace", undo=True) == 0


@pytest.mark.parametrize(
    ("library", "content"),
    [
        ("usr/lib/x86_64-linux-gnu/systemd/libsystemd-shared-252.so", DROP_IN_BEFORE.content),
        ("usr/lib/x86_64-linux-gnu/systemd/libsystemd-shared-257.so", DROP_IN.content),
        ("usr/lib64/systemd/libsystemd-shared-257.9-1.fc42.so", DROP_IN.content),
        ("usr/lib/systemd/libsystemd-shared-253.so", DROP_IN.content),
        ("usr/lib/systemd/libsystemd-shared-strange.so", DROP_IN_BEFORE.content),
    ],
)
def test_a_systemd_that_has_open_file_opens_it_once(host: HostRoot, library: str, content: str) -> None:
    """ExecReload= opens the standard input again, and a trace has one reader."""
    host.directory("sys/kernel/tracing/instances")
    path = host.root / library
    path.parent.mkdir(parents=True)
    path.touch()
    assert host.setup("trace") == 0
    assert host.text(SERVICE) == content


def test_the_example_has_the_lines_for_an_older_systemd() -> None:
    text = (ROOT / "packaging/systemd/lowatch.service.d/trace.conf.example").read_text()
    _, _, *lines = meant(DROP_IN_BEFORE.content)
    assert [f"#{line}" for line in lines] == text.splitlines()[-2:]


@pytest.mark.parametrize(
    ("content", "shipped"),
    [
        (INSTANCE.content, "packaging/tmpfiles.d/lowatch-trace.conf"),
        (DROP_IN.content, "packaging/systemd/lowatch.service.d/trace.conf.example"),
    ],
)
def test_it_is_what_the_package_ships(content: str, shipped: str) -> None:
    assert meant(content) == meant((ROOT / shipped).read_text())


def meant(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]
