"""A limit, and how often it was reached."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock

_counting = Lock()


@dataclass(slots=True, eq=False)
class Limit:
    """A bound on something that others can make grow, and how often this process has reached it.

    name: the value of the metric's label. counts: the unit, and of what. beyond: what happens to the rest.
    why: the reason for this number. key: the configuration key that changes it; "" if the number is fixed.
    lossless: nothing is lost beyond it but time, or a check that few hosts need. So reaching it is normal
    and is not logged.
    """

    name: str
    value: int
    counts: str
    beyond: str
    why: str
    key: str = ""
    lossless: bool = False
    times: int = field(default=0, init=False)

    def reached(self, times: int = 1) -> None:
        """Count that it was reached, from any thread."""
        with _counting:
            self.times += times

    def __str__(self) -> str:
        """For example: names_file_bytes (67,108,864 bytes of a file of names)."""
        return f"{self.name} ({self.value:,} {self.counts})"
