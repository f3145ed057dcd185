"""Alerts are written down before delivery, so that after a crash the journal's last entry becomes correct.

An alert is delivered first, and saved as delivered afterwards. If the process is killed in between, nobody
knows what the journal has last. So a line is written before the delivery. If a start finds the line,
the delivery of the finding is unknown, and its current state is announced once more. The lines are kept
until their contents have been saved. They do not protect against a loss of power, after which the journal's
last entries may be lost too; so nothing waits for the disk.

    findings.told.7: {"kind": "orphan-vip", ..., "state": "resolved"}

The number is the generation of the line. A save covers all generations up to one. The saved file has that
number, so a kill before their files are removed puts nothing in doubt again.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from lowatch.core.limits.files import INTENT_BYTES
from lowatch.files.regular_file import read_regular

_log = logging.getLogger(__name__)

_PREFIX = "findings.told."
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Intents:
    """The files of lines. generation: that of the lines written from now on.

    Beyond the limit no line is written, and the alerts are delivered without.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.generation = max((number for number, _ in self._files()), default=0) + 1
        self._failing = False

    def end_generation(self) -> int:
        """Begin the next generation. Returns the number of the one that has ended."""
        self.generation += 1
        return self.generation - 1

    def begin_after(self, generation: int) -> None:
        """An earlier process saved what the lines up to that generation say. No later line is of these."""
        self.generation = max(self.generation, generation + 1)
        self.forget(generation)

    def newest(self, most: int) -> int:
        """The newest generation that has lines, and is not newer than `most`; 0 if there is none."""
        return max((number for number, _ in self._files() if number <= most), default=0)

    def append(self, lines: Iterable[str], generation: int) -> None:
        """Append the lines; blocks as write(2) does. A failure is logged once, until an append succeeds."""
        path = self._directory / f"{_PREFIX}{generation}"
        data = "".join(f"{line}\n" for line in lines).encode("ascii")
        try:
            descriptor = os.open(path, _FLAGS, 0o600)
            try:
                if os.fstat(descriptor).st_size + len(data) > INTENT_BYTES.value:
                    INTENT_BYTES.reached()
                    return
                os.write(descriptor, data)
            finally:
                os.close(descriptor)
        except OSError as error:
            if not self._failing:
                _log.warning("cannot write %s: %s, continuing", path, error.strerror)
            self._failing = True
        else:
            self._failing = False

    def forget(self, generation: int) -> None:
        """Remove the lines of all generations up to this one: what they say has been saved."""
        for number, path in self._files():
            if number <= generation:
                with suppress(OSError):
                    path.unlink()

    def lines(self) -> Iterator[bytes]:
        """All lines, oldest first, without a last one that a crash cut off."""
        for _, path in sorted(self._files()):
            try:
                content = read_regular(path, INTENT_BYTES)
            except OSError as error:
                _log.warning("cannot read %s: %s, ignoring", path, error.strerror)
                continue
            yield from content.split(b"\n")[:-1]

    def _files(self) -> list[tuple[int, Path]]:
        try:
            named = [
                (path.name.removeprefix(_PREFIX), path) for path in self._directory.glob(f"{_PREFIX}*")
            ]
        except OSError:
            return []
        return [(int(number), path) for number, path in named if number.isdecimal()]
