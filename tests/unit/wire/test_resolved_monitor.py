"""The messages of systemd-resolved's monitor: as 252 and 257 send them, in pieces, and hostile."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lowatch.core.addresses import parse_address
from lowatch.core.limits.lookups import LOOKUP_MESSAGE
from lowatch.wire.lookup import Lookup
from lowatch.wire.resolved_monitor import MessageReader, MonitorError, Ready, listed, parse_report

VIP, VIP6 = map(parse_address, ("192.0.2.10", "2001:db8::10"))
HELD = {listed(VIP), listed(VIP6)}
REPORT = (
    b'{"parameters":{"state":"success","question":[{"class":1,"type":1,"name":"www.example"}],'
    b'"answer":[{"rr":{"key":{"class":1,"type":5,"name":"www.example"},"name":"shop.example"},'
    b'"raw":"A3d3","ifindex":3},{"rr":{"key":{"class":1,"type":1,"name":"shop.example"},'
    b'"address":[192,0,2,10]},"raw":"BHNob3A=","ifindex":3}]},"continues":true}'
)

BY_252 = (
    b'{"parameters":{"state":"success","question":[{"class":1,"type":1,"name":"shop.example.com"},{"class":1,'
    b'"type":28,"name":"shop.example.com"}],"answer":[{"rr":{"key":{"class":1,"type":6,"name":"example.com"},'
    b'"mname":"ns.example.com","rname":"hostmaster.example.com","serial":1,"refresh":3600,"expire":600,'
    b'"minimum":5},"raw":"B2V4YW1wbGUDY29tAAAGAAEAAAAFADwCbnMHZXhhbXBsZQNjb20ACmhvc3RtYXN0ZXIHZXhhbXBsZQNjb20A'
    b'AAAAAQAADhAAAAJYAAFRgAAAAAU="},{"rr":{"key":{"class":1,"type":1,"name":"shop.example.com"},"address":'
    b'[192,0,2,10]},"raw":"BHNob3AHZXhhbXBsZQNjb20AAAEAAQAAADwABMAAAgo="}]},"continues":true}'
)
"""Sent by systemd-resolved 252 of Debian 12, for nss-resolve: there is no AAAA."""


def test_what_systemd_252_sent() -> None:
    assert parse_report(BY_252, HELD) == [Lookup("shop.example.com", (VIP,))]


def report(**changed: Any) -> bytes:
    decoded = json.loads(REPORT)
    decoded["parameters"].update(changed)
    return json.dumps(decoded).encode()


def test_the_name_that_was_asked_for_is_what_counts() -> None:
    assert parse_report(REPORT, HELD) == [Lookup("www.example", (VIP,))]


def test_both_types_in_one_question_are_one_lookup() -> None:
    asked = [{"class": 1, "type": one, "name": "WWW.example."} for one in (1, 28)]
    assert parse_report(report(question=asked), HELD) == [Lookup("www.example", (VIP,))]


def test_a_lookup_with_a_thousand_questions_has_the_first_ones() -> None:
    asked = [{"class": 1, "type": 1, "name": f"n{number}.example"} for number in range(1_000)]
    assert len(parse_report(report(question=asked), HELD)) == 16


def test_ipv6_and_space_in_between() -> None:
    rr = {"rr": {"key": {"class": 1, "type": 28, "name": "www.example"}, "address": list(VIP6)}}
    assert parse_report(report(answer=[rr]), HELD) == [Lookup("www.example", (VIP6,))]


def test_what_has_no_held_address_is_not_decoded() -> None:
    other = REPORT.replace(b"192,0,2,10", b"192,0,2,101")
    assert parse_report(other, HELD) == []
    assert parse_report(other[:-9], HELD) == [], "nothing was decoded"


@pytest.mark.parametrize(
    "changed",
    [
        {"state": "rcode-failure", "rcode": 3},
        {"question": []},
        {"question": 7},
        {"question": [7, {"class": 1, "type": 12, "name": "10.2.0.192.in-addr.arpa"}]},
        {"question": [{"class": 3, "type": 1, "name": "www.example"}]},
        {"answer": {"address": [192, 0, 2, 10]}},
        {"answer": [{"rr": {"key": {"class": 1, "type": 1}, "address": [192, 0, 2, 10, 1]}}]},
        {"answer": [{"rr": {"key": {"class": 1, "type": 16}, "address": [192, 0, 2, 10]}}]},
    ],
)
def test_what_is_no_lookup(changed: dict[str, Any]) -> None:
    assert parse_report(report(**changed), HELD) == []


@pytest.mark.parametrize("number", [256, -1, True, 1.5, "1", None])
def test_numbers_that_are_no_octets(number: object) -> None:
    answer = json.loads(REPORT)["parameters"]["answer"]
    rr = {"rr": {"key": {"class": 1, "type": 1, "name": "x"}, "address": [192, 0, 2, number]}}
    assert parse_report(report(answer=[*answer, rr]), HELD) == [Lookup("www.example", (VIP,))]


def test_it_says_when_it_is_ready_and_why_not() -> None:
    assert parse_report(b'{"parameters":{"ready":true},"continues":true}', HELD) == Ready()
    refusal = b'{"error":"io.systemd.InteractiveAuthenticationRequired","parameters":{}}'
    with pytest.raises(MonitorError, match=r"^io.systemd.InteractiveAuthenticationRequired$"):
        parse_report(refusal, HELD)


@pytest.mark.parametrize("broken", [REPORT[:-3], b'{"error":' + b"[" * 100_000, b'{"ready":\xff}'])
def test_what_is_not_json(broken: bytes) -> None:
    with pytest.raises(MonitorError, match="not JSON"):
        parse_report(broken, HELD)


@pytest.mark.parametrize("size", [1, 2, 7, 100, 10_000])
def test_messages_in_pieces_of_any_size(size: int) -> None:
    stream = REPORT + b"\0" + b"{}\0\0\0" + REPORT + b"\0"
    reader = MessageReader()
    found = [one for at in range(0, len(stream), size) for one in reader.feed(stream[at : at + size])]
    assert found == [REPORT, b"{}", REPORT]


def test_a_message_that_does_not_end_is_refused() -> None:
    reader = MessageReader()
    reader.feed(b" " * LOOKUP_MESSAGE.value)
    with pytest.raises(MonitorError, match="more than 262,144 octets"):
        reader.feed(b" ")
