from __future__ import annotations

import pytest

from lowatch.core.addresses import format_address, parse_address
from lowatch.core.policy import is_srv_name
from lowatch.core.recording.pseudonyms import Pseudonyms
from lowatch.core.recording.redacted_texts import RedactedTexts

PSEUDONYMS = Pseudonyms(b"k")
SERVER = format_address(PSEUDONYMS.address(parse_address("192.0.2.53")))
SERVER6 = format_address(PSEUDONYMS.address(parse_address("2001:db8::53")))


@pytest.fixture
def texts() -> RedactedTexts:
    return RedactedTexts(PSEUDONYMS)


def test_names_keep_their_labels(texts: RedactedTexts) -> None:
    assert texts.name("www.example.com") == "n1.n2.n3"
    assert texts.name("shop.example.com") == "n4.n2.n3"
    assert texts.name("example.com") == "n2.n3"
    assert texts.name("*.example.com") == "*.n2.n3"
    assert texts.name("www.example.com") == "n1.n2.n3"


@pytest.mark.parametrize("name", ["localhost", "ip6-localhost", "ip6-loopback"])
def test_names_of_this_host_stay(texts: RedactedTexts, name: str) -> None:
    assert texts.name(name) == name


def test_a_label_localhost_stays(texts: RedactedTexts) -> None:
    assert texts.name("shop.localhost") == "n1.localhost"
    assert texts.name("localhost.example.com") == "localhost.n2.n3"


@pytest.mark.parametrize("name", ["_xmpp-client._tcp.example.com", "_sip._udp.example.com", "_1a._tcp.a"])
def test_services_stay_services(texts: RedactedTexts, name: str) -> None:
    assert is_srv_name(texts.name(name))
    assert "xmpp" not in texts.name(name)


def test_a_port_is_no_service(texts: RedactedTexts) -> None:
    assert texts.name("_443._tcp.example.com") == "_01._tcp.n1.n2"


def test_interfaces_labels_and_units(texts: RedactedTexts) -> None:
    assert [texts.interface(one) for one in ("lo", "br-acme", "eth0", "br-acme")] == [
        "lo",
        "if1",
        "if2",
        "if1",
    ]
    assert [texts.label(one) for one in ("lo", "lo:vip", "br-acme:acme", "lo:")] == [
        *("lo", "lo:label1", "if1:label2", "lo:"),
    ]
    assert [texts.unit(one) for one in ("nginx.service", "acme@7.socket", "nginx.service", "odd")] == [
        *("unit1.service", "unit2.socket", "unit1.service", "unit3"),
    ]


def test_origins_that_every_host_may_have_stay(texts: RedactedTexts) -> None:
    """Others are named by files of the host, in rt_protos.d."""
    said = [texts.origin(one) for one in ("kernel", "keepalived", "proto 66", "acme", "proto acme", "acme")]
    assert said == ["kernel", "keepalived", "proto 66", "origin1", "origin2", "origin1"]


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("A: 192.0.2.53:53: Connection refused", f"A: {SERVER}:53: Connection refused"),
        ("AAAA: [2001:db8::53]:53: timed out", f"AAAA: [{SERVER6}]:53: timed out"),
        ("tls://192.0.2.53#dns.example.com", f"tls://{SERVER}#n5.n2.n3"),
        ("192.0.2.53, 192.0.2.53.", f"{SERVER}, {SERVER}."),
        ("www.example.com on 443/tcp is unknown", "n1.n2.n3 on 443/tcp is unknown"),
        ("on br-acme: nginx.service (uid 33)", "on if1: unit1.service (uid 33)"),
        ("/etc/hosts: Permission denied", "/etc/hosts: Permission denied"),
        ("/etc/hosts:3: is odd", "/etc/hosts:3: is odd"),
        ("/etc/hosts.d/acme: Permission denied", "text1: Permission denied"),
        ("/srv/acme/names.txt:3: 'secret.acme' is odd", "text1:3: 'n5.n6' is odd"),
        ("net.ipv4.conf.br-acme.arp_ignore: no", "net.ipv4.conf.if1.arp_ignore: no"),
        ("no nameserver answered!", "no nameserver answered!"),
        ("a=b s3cr3t", "text1 text2"),
        ("web17 said NXDOMAIN", "host1 said NXDOMAIN"),
        ("... : ?", "... : ?"),
    ],
)
def test_messages(texts: RedactedTexts, message: str, shown: str) -> None:
    texts.name("www.example.com")
    texts.name("shop.example.com")
    texts.interface("br-acme")
    texts.unit("nginx.service")
    texts.other("web17", "host")
    assert texts.message(message) == shown
