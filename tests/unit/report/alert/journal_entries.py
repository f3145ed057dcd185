"""Entries of findings as the journal has them, and what is read back from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from lowatch.core.clock import Now
from lowatch.core.lifecycle import (
    FindingState,
    Tracked,
)
from lowatch.report.alert import entry as alert
from lowatch.report.alert.history import WRITTEN, Filter, Occurrence, Unreadable, occurrences
from tests.unit.report.audit_worlds import NOW, orphan

HOLD = 30.0
Entry = dict[str, str]


def life(number: int, since: float = NOW) -> Tracked:
    return orphan(f"n{number}.example.com", "192.0.2.10", "443/tcp", since=since)


def written(tracked: Tracked, at: float, **rest: Any) -> Entry:
    """The entry of a finding that fires, or went a hold ago, at that moment."""
    now = Now(at, at)
    one = replace(tracked, changed=at - HOLD, present=tracked.state is FindingState.FIRING)
    return stamped(alert.fields(one, now), at, **rest)


def stamped(fields: Mapping[str, Any], at: float, **rest: Any) -> Entry:
    return {WRITTEN: str(int(at * 1e6)), "_HOSTNAME": "web-17", **fields, **rest}


def resolved(tracked: Tracked) -> Tracked:
    return replace(tracked, state=FindingState.RESOLVED)


def found(entries: Iterable[Entry], wanted: Filter = Filter()) -> list[Occurrence]:  # noqa: B008  # immutable
    """entries: oldest first."""
    everything = list(occurrences(reversed(list(entries)), wanted))
    assert Unreadable() not in everything
    return [one for one in everything if isinstance(one, Occurrence)]
