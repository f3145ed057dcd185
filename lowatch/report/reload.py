"""The outcome of a reload."""

from __future__ import annotations

from typing import NamedTuple


class ReloadOutcome(NamedTuple):
    """The answer to a request to reload.

    error: the errors in the configuration, one per line; "" if it was loaded. pending: a line for each key
    whose new value needs a restart.
    """

    error: str = ""
    pending: tuple[str, ...] = ()


class LastReload(NamedTuple):
    """The most recent reload.

    at: wall-clock seconds. monotonic: the same moment in monotonic seconds. error: the errors, one per
    line; "" if it succeeded.
    """

    at: float
    error: str = ""
    monotonic: float = 0.0
