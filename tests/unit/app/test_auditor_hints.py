"""What an event marks, counts and wakes."""

from __future__ import annotations

from typing import Any

from lowatch.app.auditor_hints import AuditorHints
from lowatch.core.addresses import parse_address, parse_prefix
from lowatch.wire.closed_client import ClosedClient

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


def test_clients_that_closed_mark_nothing() -> None:
    recorder: Any = Recorder()
    hints = AuditorHints(recorder, recorder, recorder)
    client = ClosedClient("tcp", VIP, 80, 40000, b"a cookie", failed=True)
    hints.client_closed(client, 4, None)
    hints.clients_lost()
    assert recorder.told == [
        ("netlink_event", "destroy"),
        ("client_closed", client, 4, None),
        ("netlink_overrun",),
        ("clients_lost",),
    ]


def test_listeners_that_come_are_the_daemons_business() -> None:
    recorder: Any = Recorder()
    hints = AuditorHints(recorder, recorder, recorder)
    hints.listener_comes(VIP, 80)
    hints.listeners_lost()
    hints.unit_starts()
    assert recorder.told == [("listener_comes", VIP, 80), ("listeners_lost",), ("unit_starts",)]
