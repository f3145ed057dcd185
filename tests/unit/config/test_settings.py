"""Nameservers and listening places as text."""

from __future__ import annotations

import pytest

from lowatch.config.settings import Listen, Nameserver, Transport


@pytest.mark.parametrize(
    ("server", "text"),
    [
        (Nameserver("192.0.2.53"), "192.0.2.53"),
        (Nameserver("192.0.2.53", 5353), "192.0.2.53:5353"),
        (Nameserver("2001:db8::53", 5353), "[2001:db8::53]:5353"),
        (Nameserver("192.0.2.53", 53, Transport.TCP), "tcp://192.0.2.53"),
        (
            Nameserver("192.0.2.53", 853, Transport.TLS, "dns.example.com"),
            "tls://192.0.2.53#dns.example.com",
        ),
    ],
)
def test_a_nameserver_as_it_is_configured(server: Nameserver, text: str) -> None:
    assert str(server) == text


def test_ports_of_the_transports() -> None:
    assert {transport: transport.port for transport in Transport} == {
        Transport.UDP: 53,
        Transport.TCP: 53,
        Transport.TLS: 853,
    }


def test_a_listening_place() -> None:
    assert str(Listen("127.0.0.1", 10048)) == "127.0.0.1:10048"
    assert str(Listen("::1", 10048)) == "[::1]:10048"
    assert str(Listen("", 0)) == ":0"
