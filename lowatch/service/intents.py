"""What is about to be told, written down before it is: a kill in between must not leave a wrong last word.

A finding is told, and then saved as told; killed in between, nobody would know what the journal says last.
So a line is written first, and a start that finds one takes that finding for doubtful: its truth is told
once more. The lines last until what they say has been saved. They are not for a loss of power, after which
the journal's own last entries may be gone too: nothing waits for the disk.

    findings.told.7: {"kind": "orphan-vip", ..., "state": "resolved"}

The number tells generations apart: those up to that which a save covers go with it.
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
    """generation: of what is written from now on. Beyond the limit nothing is, and told as if it were."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.generation = max((number for number, _ in self._files()), default=0) + 1
        self._failing = False

    def end_generation(self) -> int:
        """Begin the next one. The number of the one that has ended."""
        self.generation += 1
        return self.generation - 1

    def append(self, lines: Iterable[str], generation: int) -> None:
        """Append them, which blocks as write(2) does. A failure is logged once, until one succeeds."""
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
        """What they say up to this one has been saved."""
        for number, path in self._files():
            if number <= generation:
                with suppress(OSError):
                    path.unlink()

    def lines(self) -> Iterator[bytes]:
        """All that is there, oldest first; what a crash cut off is left out."""
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
