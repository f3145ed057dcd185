"""What an audit saw."""

from __future__ import annotations

from dataclasses import replace

from lowatch.core.answers import AnswerStatus
from tests.unit.core.worlds import VIP, answer, local, rrset, seen, snapshot, view


def test_a_domain_is_certain_where_its_addresses_and_their_places_are_known() -> None:
    assert view(local(VIP, *seen(("80", None)))).is_certain
    assert not view(undecided=[(VIP, "netlink: overrun")]).is_certain
    silent = replace(answer(VIP), aaaa=rrset(status=AnswerStatus.UNKNOWN, reason="timeout"))
    assert not view(of=silent).is_certain


def test_why_a_name_may_have_been_overlooked() -> None:
    assert snapshot().overlooked == ""
    assert snapshot(over_limit={"big.example": 9}).overlooked.startswith("big.example ")
    assert snapshot(unread=("/etc/hosts: Permission denied",)).overlooked == "/etc/hosts: Permission denied"
