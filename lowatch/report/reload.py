"""What a reload came to, for whoever asked for it."""

from __future__ import annotations

from typing import NamedTuple


class ReloadOutcome(NamedTuple):
    """error: "", or what is wrong with the configuration, one error per line.

    pending: a line for each key that takes a restart.
    """

    error: str = ""
    pending: tuple[str, ...] = ()


class LastReload(NamedTuple):
    """at: wall-clock seconds. error: "" where it succeeded, else what was wrong, one error per line.

    monotonic: seconds, as `at`.
    """

    at: float
    error: str = ""
    monotonic: float = 0.0
