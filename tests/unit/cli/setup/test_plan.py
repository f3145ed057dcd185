"""What all plans have in common."""

from __future__ import annotations

from pathlib import Path

from lowatch.cli.setup import dnstap, resolved


def test_files_say_which_command_wrote_them() -> None:
    files = (resolved.RULE, resolved.SOCKET, resolved.PROXY, dnstap.DIRECTORY, dnstap.UNBOUND)
    for file in files:
        source = "dnstap" if "dnstap" in file.content else "resolved"
        assert f"By `lowatch setup {source}`" in file.content.splitlines()[0]
        assert Path(file.path).is_absolute()
