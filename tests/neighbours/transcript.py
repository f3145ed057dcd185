"""What a reader of docs/neighbours.md sees: real commands, their real output, and it cannot rot.

A part of the document, `<!-- transcript: NAME -->` and the fenced block after it, is compared with
what a test has just seen. Times do not matter there. LOWATCH_GOLDEN=write takes the new text over.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
from pathlib import Path

from tests.support.netns import Netns
from tests.support.repository import ROOT

DOCUMENT = ROOT / "docs" / "neighbours.md"

# What differs from run to run or from machine to machine, and stands for it.
_VOLATILE = (
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "TIME"),
    (re.compile(r"^curl: \(7\) .*$", re.MULTILINE), "curl: (7) REFUSED"),
    (re.compile(r"(  served +)\S.*$", re.MULTILINE), r"\1SOMEBODY"),
    (re.compile(r"^    boot   .*\n(?: {11}.*\n)*", re.MULTILINE), "    boot   AS FILES SAY\n"),
)


class Transcript:
    """Commands run in `directory` and in `place`. Its path is shown as /etc/lab, the host as web1.

    prelude: shell that comes before each command, and is not shown.
    """

    def __init__(self, place: Netns, directory: Path, prelude: str = "") -> None:
        self._prelude = prelude
        self._place = place
        self._directory = directory
        self._lines: list[str] = []

    def note(self, text: str) -> None:
        """A line on what happens between the commands."""
        self._lines += ["", f"# {text}"]

    def run(self, command: str, *, place: Netns | None = None) -> str:
        """Run and show it, with all it writes and, if it is not 0, its exit code. The output."""
        with (place or self._place).entered():
            done = subprocess.run(
                ["sh", "-c", f"{self._prelude}\n{command}"],
                cwd=self._directory,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
                timeout=30,
            )
        prompt = "$" if place is None else "router$"
        self._lines += [f"{prompt} {command}", *(line.rstrip() for line in done.stdout.splitlines())]
        if done.returncode:
            self._lines.append(f"[exit code {done.returncode}]")
        return done.stdout

    @property
    def text(self) -> str:
        shown = "\n".join(self._lines).strip() + "\n"
        shown = shown.replace(str(self._directory), "/etc/lab")
        return re.sub(rf"^{re.escape(socket.gethostname())}, ", "web1, ", shown, flags=re.MULTILINE)

    def assert_documented(self, name: str) -> None:
        """Fails where the document shows something else."""
        part = re.compile(rf"(<!-- transcript: {name} -->\n+```console\n)(.*?)(```\n)", re.DOTALL)
        document = DOCUMENT.read_text()
        found = part.search(document)
        assert found, f"{DOCUMENT} has no <!-- transcript: {name} -->"
        same = _lasting(found[2]) == _lasting(self.text)
        if not same and os.environ.get("LOWATCH_GOLDEN") == "write":
            DOCUMENT.write_text(document[: found.start(2)] + self.text + document[found.end(2) :])
        elif not same:
            assert _lasting(found[2]) == _lasting(self.text), f"{DOCUMENT} shows something else"


def _lasting(text: str) -> str:
    for pattern, stand_in in _VOLATILE:
        text = pattern.sub(stand_in, text)
    return text
