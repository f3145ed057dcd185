"""Why a command ends early, for main() to tell in one line each."""

from __future__ import annotations

from collections.abc import Iterable


class CommandError(Exception):
    """lines: for stderr, one for each thing that is wrong. code: one of exit_codes."""

    def __init__(self, code: int, lines: Iterable[str]) -> None:
        self.code = code
        self.lines = tuple(lines)
        super().__init__("\n".join(self.lines))
