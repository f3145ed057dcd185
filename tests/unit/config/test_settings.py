"""Nameservers and listening places as text, and what names are learned from."""

from __future__ import annotations

import pytest

from lowatch.config.settings import Config, Listen, Nameserver, NamesSettings, Transport
from lowatch.core.name_sources import NameSource


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


def test_the_daemon_for_another_namespace_learns_from_no_lookups() -> None:
    names = NamesSettings((NameSource.RESOLVED, NameSource.PTR, NameSource.DNSTAP))
    assert Config(names=names).learns == names.learn
    assert Config(names=names, netns="blue").learns == (NameSource.PTR,)
