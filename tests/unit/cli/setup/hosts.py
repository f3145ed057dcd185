"""A directory that is a host's root, for `lowatch setup`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lowatch.cli.setup.command import Installer

LEARN = "etc/lowatch/lowatch.d/learn.toml"


class HostRoot:
    """ran: the commands. said: what went to stdout. broken: the first words of commands that fail."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.ran: list[str] = []
        self.said = ""
        self.broken: tuple[str, ...] = ()

    def monitor(self, mode: int) -> None:
        path = self.root / "run/systemd/resolve/io.systemd.Resolve.Monitor"
        path.parent.mkdir(parents=True)
        path.touch()
        path.chmod(mode)

    def directory(self, path: str) -> None:
        (self.root / path).mkdir(parents=True)

    def setup(self, source: str, *, undo: bool = False, only_show: bool = False) -> int:
        def write(text: str) -> None:
            self.said += text

        def run(command: Sequence[str]) -> str:
            self.ran.append(" ".join(command))
            return "it is masked" if self.ran[-1].startswith(self.broken or "\0") else ""

        installer = Installer(self.root, run, write)
        return installer.carry_out(source, undo=undo, only_show=only_show)

    def files(self) -> set[str]:
        """Those under /etc."""
        return {str(one.relative_to(self.root)) for one in (self.root / "etc").rglob("*") if one.is_file()}

    def text(self, path: str) -> str:
        return (self.root / path).read_text()
