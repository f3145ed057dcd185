"""The acknowledgements that have no effect: those that have expired, and those that match no finding."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from lowatch.core.lifecycle import Tracked
from lowatch.core.policy import Acknowledgement
from lowatch.core.words import rfc3339

from .phrases import matched, until_because


class Idle(NamedTuple):
    """expired: in the order of the configuration. unused: those in force that no finding has."""

    expired: Sequence[Acknowledgement] = ()
    unused: Sequence[Acknowledgement] = ()

    def lines(self) -> list[str]:
        """One for each, the expired ones first."""
        return [
            *(f"expired: {matched(one)}, {until_because(one)}" for one in self.expired),
            *(f"unused: {matched(one)}, {until_because(one)}" for one in self.unused),
        ]


def idle(acknowledgements: Iterable[Acknowledgement], findings: Iterable[Tracked], wall: float) -> Idle:
    """wall: wall-clock seconds. One is unused, too, if an earlier one acknowledges all that it matches."""
    each = list(dict.fromkeys(acknowledgements))
    used = {one.acknowledgement for one in findings} if each else set()
    return Idle(
        [one for one in each if one.until <= wall],
        [one for one in each if one.until > wall and one not in used],
    )


_KEYS = ("kind", "interface", "address", "domain", "port")


def acknowledgement_row(acknowledgement: Acknowledgement) -> dict[str, Any]:
    """An acknowledgement in JSON. A key that it lacks is null."""
    matchers = acknowledgement.matchers
    return {
        **{key: matchers.get(key) for key in _KEYS},
        "until": rfc3339(acknowledgement.until),
        "reason": acknowledgement.reason,
    }
