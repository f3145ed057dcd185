"""Why a command ends early: main() reports it."""

from __future__ import annotations

TYPE_CHECKING = False  # as in environment.py
if TYPE_CHECKING:
    from collections.abc import Iterable


class CommandError(Exception):
    """lines: for stderr, one per mistake. code: one of exit_codes."""

    def __init__(self, code: int, lines: Iterable[str]) -> None:
        self.code = code
        self.lines = tuple(lines)
        super().__init__("\n".join(self.lines))
