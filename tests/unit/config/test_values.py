"""What is accepted, and what it becomes. What is not: tests/config/invalid."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from lowatch.config import values
from lowatch.config.settings import Listen, Nameserver, Transport
from lowatch.core.addresses import parse_prefix
from lowatch.core.findings import FindingKind
from lowatch.core.rules import DOMAIN_RULES, HOST_RULES


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("kind", FindingKind)
def test_every_kind_that_a_rule_judges_can_be_acknowledged(kind: FindingKind) -> None:
    assert kind in DOMAIN_RULES or kind in HOST_RULES
    assert values.kind(kind.value) == kind


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("192.0.2.53", Nameserver("192.0.2.53", 53)),
        ("192.0.2.54:5353", Nameserver("192.0.2.54", 5353)),
        ("2001:db8::53", Nameserver("2001:db8::53", 53)),
        ("2001:DB8::0:53", Nameserver("2001:db8::53", 53)),
        ("[2001:db8::53]", Nameserver("2001:db8::53", 53)),
        ("[2001:db8::53]:5353", Nameserver("2001:db8::53", 5353)),
        ("fe80::53%eth0", Nameserver("fe80::53%eth0", 53)),
        ("[fe80::53%eth0]:5353", Nameserver("fe80::53%eth0", 5353)),
        ("udp://192.0.2.53", Nameserver("192.0.2.53")),
        ("udp://192.0.2.53:5353", Nameserver("192.0.2.53", 5353)),
        ("tcp://192.0.2.53", Nameserver("192.0.2.53", 53, Transport.TCP)),
        ("TCP://192.0.2.53:853", Nameserver("192.0.2.53", 853, Transport.TCP)),
        ("tcp://[2001:db8::53]:5353", Nameserver("2001:db8::53", 5353, Transport.TCP)),
        ("tls://192.0.2.53", Nameserver("192.0.2.53", 853, Transport.TLS)),
        ("tls://2001:db8::53", Nameserver("2001:db8::53", 853, Transport.TLS)),
        ("tls://192.0.2.53:53", Nameserver("192.0.2.53", 53, Transport.TLS)),
        (
            "tls://192.0.2.53:8853#DNS.example.com.",
            Nameserver("192.0.2.53", 8853, Transport.TLS, "dns.example.com"),
        ),
        (
            "tls://[fe80::53%eth0]#dns.example.com",
            Nameserver("fe80::53%eth0", 853, Transport.TLS, "dns.example.com"),
        ),
    ],
)
def test_nameserver(text: str, server: Nameserver) -> None:
    assert values.nameserver(text) == server
    assert values.nameserver(str(server)) == server


@pytest.mark.parametrize(
    ("text", "listen"),
    [
        ("127.0.0.1:10048", Listen("127.0.0.1", 10048)),
        ("[::1]:10048", Listen("::1", 10048)),
        ("[0::1]:10048", Listen("::1", 10048)),
        (":10048", Listen("", 10048)),
        ("localhost:10048", Listen("localhost", 10048)),
        ("0.0.0.0:0", Listen("0.0.0.0", 0)),
    ],
)
def test_listen(text: str, listen: Listen) -> None:
    assert values.listen(text) == listen
    assert values.listen(str(listen)) == listen


@pytest.mark.parametrize(
    "text", ["lo", "dummy*", "eth[0-9]", "kube-ipvs0", "*", "llb-rule-?", "[!e]*", "bond0.1825"]
)
def test_interface_glob(text: str) -> None:
    assert values.interface_glob(text) == text


@pytest.mark.parametrize("text", ["192.0.2.0/24", "192.0.2.10/32", "2001:db8::/64", "0.0.0.0/0"])
def test_prefix(text: str) -> None:
    assert str(values.prefix(text)) == text


def test_a_prefix_may_be_an_address() -> None:
    assert values.prefix("192.0.2.10") == parse_prefix("192.0.2.10/32")


@pytest.mark.parametrize("text", ["/metrics", "/lowatch/metrics", "/m", "/metrics/"])
def test_telemetry_path(text: str) -> None:
    assert values.telemetry_path(text) == text


def test_a_reason_is_trimmed() -> None:
    assert values.reason("  kept until the move\n") == "kept until the move"


@pytest.mark.parametrize(
    ("name", "offset_hours"),
    [("UTC", 0), ("Asia/Tokyo", 9), ("America/New_York", -5), ("Pacific/Kiritimati", 14)],
)
def test_a_date_lasts_to_the_end_of_its_local_day(
    monkeypatch: pytest.MonkeyPatch, zone: None, name: str, offset_hours: int
) -> None:
    monkeypatch.setenv("TZ", name)
    time.tzset()
    end = datetime(2027, 2, 1, tzinfo=timezone(timedelta(hours=offset_hours)))
    assert values.until(date(2027, 1, 31)) == end.timestamp()


def test_a_day_of_23_hours(monkeypatch: pytest.MonkeyPatch, zone: None) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    assert values.until(date(2027, 3, 28)) - values.until(date(2027, 3, 27)) == 23 * 3600


def test_a_date_time_says_when_by_itself(monkeypatch: pytest.MonkeyPatch, zone: None) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    moment = datetime(2027, 1, 31, 12, tzinfo=UTC)
    assert values.until(moment) == moment.timestamp()


@pytest.mark.parametrize("day", [date(1971, 1, 1), date(9998, 12, 31)])
def test_the_first_and_the_last_day(day: date) -> None:
    assert isinstance(values.until(day), float)
