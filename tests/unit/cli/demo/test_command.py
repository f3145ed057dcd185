"""How the demo gets its namespaces."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lowatch.cli.demo.command import namespace_command
from lowatch.cli.exit_codes import CommandError


def test_the_way_in_leads_into_another_network_namespace() -> None:
    here = Path("/proc/self/ns/net").readlink()
    there = subprocess.check_output(
        [*namespace_command(), "readlink", "/proc/self/ns/net"], text=True
    ).strip()
    assert there != str(here)


def test_without_unshare_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CommandError) as caught:
        namespace_command()
    assert caught.value.lines == ("lowatch: demo: needs unshare, of the package util-linux",)


def test_where_nobody_may_have_a_namespace_the_reason_is_reported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    unshare = tmp_path / "unshare"
    unshare.write_text("#!/bin/sh\necho 'unshare failed: Operation not permitted' >&2\nexit 1\n")
    unshare.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(CommandError) as caught:
        namespace_command()
    [line] = caught.value.lines
    assert line.endswith("unshare failed: Operation not permitted")
