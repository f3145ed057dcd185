"""What is known of names beside DNS."""

from __future__ import annotations

import pytest

from lowatch.core.addresses import parse_address, parse_prefix
from lowatch.core.limits.names import GETADDRINFO_DIFFERENCES
from lowatch.resolve.system.getaddrinfo import Seen
from lowatch.resolve.views.overlay import Overlay

A, B = "a.example.com", "b.example.com"
VIP, NEXT, MAPPED = map(parse_address, ("192.0.2.10", "192.0.2.11", "::ffff:192.0.2.10"))


def test_names_are_found_by_where_they_lead() -> None:
    overlay = Overlay()
    overlay.replace_hosts({A: (VIP,)})
    overlay.put_seen(B, Seen((MAPPED, NEXT)))
    assert overlay.at(VIP) == {A, B}
    assert overlay.at(NEXT) == {B}
    assert overlay.inside([parse_prefix("192.0.2.0/24")]) == {A, B}
    assert A in overlay


def test_what_changed_in_hosts_is_reported() -> None:
    overlay = Overlay()
    assert overlay.replace_hosts({A: (VIP,)}) == [A]
    assert overlay.replace_hosts({A: (VIP,), B: (NEXT,)}) == [B]
    assert sorted(overlay.replace_hosts({A: (NEXT,)})) == [A, B]
    assert overlay.at(VIP) == set()


def test_a_failure_leads_nowhere_and_is_forgotten_with_the_name() -> None:
    overlay = Overlay()
    overlay.put_seen(A, Seen(None, "timed out"))
    assert overlay.failing == {A: "timed out"}
    assert overlay.at(VIP) == set()
    overlay.put_seen(A, None)
    assert overlay.failing == {}
    assert A not in overlay


def test_beyond_the_limit_the_oldest_goes_unless_it_is_to_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GETADDRINFO_DIFFERENCES, "value", 1)
    overlay = Overlay()
    assert overlay.put_seen(A, Seen((VIP,))) is None
    assert overlay.put_seen(B, Seen((VIP,))) == A
    assert overlay.at(VIP) == {B}
    assert overlay.put_seen(A, Seen((VIP,)), keep=[B]) is None
    assert overlay.put_seen("c.example.com", Seen((VIP,)), keep=[B]) == A
