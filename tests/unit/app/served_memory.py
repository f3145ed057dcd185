"""A ServedStore in memory."""

from __future__ import annotations

from collections.abc import Mapping

from lowatch.core.last_served import LastServed
from lowatch.core.listeners import Endpoint
from lowatch.core.served_state import ServedState


class ServedMemory:
    """known: what an earlier process saved. saved: each state, in order. works: whether it can be saved."""

    def __init__(self, known: Mapping[Endpoint, LastServed] | None = None) -> None:
        self.known = known or {}
        self.saved: list[ServedState] = []
        self.works = True

    def load(self) -> Mapping[Endpoint, LastServed]:
        return self.known

    def save(self, state: ServedState) -> bool:
        self.saved.append(state)
        return self.works
