from __future__ import annotations

import pytest

from lowatch.config.mentions import (
    Mention,
    merge_mentions,
)
from lowatch.config.targets import (
    AddressTarget,
    DomainTarget,
    parse_explain_target,
    parse_target,
)
from lowatch.core.addresses import Port, parse_address
from lowatch.core.policy import DEFAULT_PORTS, Domain

HTTPS = Port(443, "tcp")
DNS = Port(53, "udp")


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("www.example.com", DomainTarget("www.example.com")),
        ("www.example.com:443", DomainTarget("www.example.com", HTTPS)),
        ("WWW.example.com.:443/tcp", DomainTarget("www.example.com", HTTPS)),
        ("dns.example.com:53/udp", DomainTarget("dns.example.com", DNS)),
        ("bücher.example:443", DomainTarget("xn--bcher-kva.example", HTTPS)),
        ("_xmpp._tcp.example.com", DomainTarget("_xmpp._tcp.example.com")),
        ("_443._tcp.example.com:443", DomainTarget("_443._tcp.example.com", HTTPS)),
    ],
)
def test_a_domain(text: str, target: DomainTarget) -> None:
    assert parse_target(text) == target
    assert parse_explain_target(text) == target
    assert parse_target(str(target)) == target


@pytest.mark.parametrize(
    ("text", "address", "port"),
    [
        ("192.0.2.10", "192.0.2.10", None),
        ("192.0.2.10:443", "192.0.2.10", HTTPS),
        ("192.0.2.10:53/udp", "192.0.2.10", DNS),
        ("2001:db8::10", "2001:db8::10", None),
        ("[2001:db8::10]", "2001:db8::10", None),
        ("[2001:db8::10]:443", "2001:db8::10", HTTPS),
        ("[2001:DB8:0::10]:53/udp", "2001:db8::10", DNS),
    ],
)
def test_an_address_is_for_explain_alone(text: str, address: str, port: Port | None) -> None:
    target = AddressTarget(parse_address(address), port)
    assert parse_explain_target(text) == target
    assert parse_explain_target(str(target)) == target
    with pytest.raises(ValueError, match="is an address, not a domain"):
        parse_target(text)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "empty"),
        ("192.0.2.0/24", "is a prefix"),
        ("2001:db8::/64", "is a prefix"),
        ("fe80::1%lo", "has a scope"),
        ("www.example.com:", "bad port"),
        ("www.example.com:https", "bad port"),
        ("www.example.com:70000", "from 1 to 65535"),
        ("www.example.com:443/quic", "must be tcp or udp"),
        ("www.example.com/udp", "slash but no port"),
        ("www.example.com:80:443", "more than one colon"),
        ("http://www.example.com:80", r"write only 'www.example.com:80'"),
        (":443", "is empty"),
        ("[www.example.com]:443", "not a domain name"),
        ("_xmpp._tcp.example.com:5222", "takes its ports from its SRV records"),
        ("_SIP._UDP.example.com.:5060/udp", "'_sip._udp.example.com' takes its ports"),
    ],
)
def test_neither(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_explain_target(text)


def test_a_service_has_no_ports_of_ours() -> None:
    name = "_xmpp._tcp.example.com"
    mentions = [Mention(name), Mention("a.example"), Mention(name)]
    assert merge_mentions(mentions, DEFAULT_PORTS) == {
        name: Domain(name, (), any_of=False),
        "a.example": Domain("a.example"),
    }
