"""What an event marks, counts and wakes."""

from __future__ import annotations

from typing import Any

from lowatch.app.auditor_hints import AuditorHints
from lowatch.core.addresses import parse_address, parse_prefix

VIP = parse_address("192.0.2.10")


class Recorder:
    """An auditor, a daemon and a meter. told: the calls, in order."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: self.told.append((name, *arguments))


def test_each_event_marks_and_then_wakes() -> None:
    recorder: Any = Recorder()
    hints = AuditorHints(recorder, recorder, recorder)
    prefix = parse_prefix("192.0.2.0/24")
    hints.prefix_touched(prefix)
    hints.socket_closed(VIP, 80)
    hints.everything_touched()
    assert recorder.told == [
        ("mark_prefix", prefix),
        ("wake",),
        ("mark_socket", VIP, 80),
        ("wake",),
        ("mark_all",),
        ("wake",),
    ]


def test_events_and_losses_are_counted() -> None:
    recorder: Any = Recorder()
    hints = AuditorHints(recorder, recorder, recorder)
    hints.event("route")
    hints.overrun()
    hints.resync()
    assert recorder.told == [("netlink_event", "route"), ("netlink_overrun",), ("netlink_resync",)]
