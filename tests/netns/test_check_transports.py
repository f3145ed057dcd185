"""`lowatch check` by every transport that a configuration can name, of IDNA, SRV and wildcard names."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.certificates import Authority
from tests.support.checking import check, lowatch
from tests.support.dns_server import Knot
from tests.support.netns import Netns
from tests.support.unbound import Unbound

# bücher.example.com; a service on a target of its own; a name that only a wildcard has.
ZONE = """
xn--bcher-kva A 192.0.2.10
_x._tcp SRV 0 5 8443 target
target A 192.0.2.20
*.wild A 192.0.2.10
"""
DOMAINS = 'domains = ["Bücher.example.com:80", "_x._tcp.example.com", "any.wild.example.com:80"]'
EXPECTED = {
    ("xn--bcher-kva.example.com", "192.0.2.10", 80): "served",
    ("_x._tcp.example.com", "192.0.2.20", 8443): "orphan",
    ("any.wild.example.com", "192.0.2.10", 80): "served",
}


@pytest.fixture
def held(netns: Netns) -> Netns:
    for address in ("192.0.2.10", "192.0.2.20"):
        netns.ip(f"addr add {address}/32 dev lo")
    netns.listener("192.0.2.10", 80)
    return netns


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_every_transport_leads_to_the_same_verdicts(
    held: Netns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, transport: str
) -> None:
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.chain))
    certificate = authority.sign("dns.example.net")
    with Knot({"example.com": ZONE}) as knot, Unbound(knot.nameserver, tls=certificate) as unbound:
        port = unbound.nameserver.port if transport == "tls" else unbound.plain.port
        name = "#dns.example.net" if transport == "tls" else ""
        server = f"{transport}://127.0.0.1:{port}{name}"
        told = check(tmp_path, f'{DOMAINS}\n[dns]\nnameservers = ["{server}"]')
        verdicts = {
            (row["domain"], row["address"], row["port"]): row["verdict"] for row in told.report["endpoints"]
        }
        assert verdicts == EXPECTED
        (finding,) = told.findings("orphan-vip")
        assert "_x._tcp.example.com -> target.example.com" in finding["message"]
        assert told.code == 1


def test_a_certificate_for_another_name_is_unknown_and_never_plain_text(
    held: Netns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.chain))
    other = authority.sign("other.example.net")
    with Knot({"example.com": ZONE}) as knot, Unbound(knot.nameserver, tls=other) as unbound:
        server = f"tls://127.0.0.1:{unbound.nameserver.port}#dns.example.net"
        told = check(tmp_path, f'{DOMAINS}\n[dns]\nnameservers = ["{server}"]')
    assert told.code == 3
    problems = [one["message"] for one in told.report["problems"] if one["source"] == "dns"]
    assert problems
    assert all("over TLS: certificate verify failed" in problem for problem in problems)
    assert told.report["endpoints"] == []


def test_explain_tells_of_a_service_and_its_target(held: Netns, tmp_path: Path) -> None:
    with Knot({"example.com": ZONE}) as knot:
        file = tmp_path / "lowatch.toml"
        file.write_text(f'[dns]\nnameservers = ["{knot.nameserver}"]')
        told = lowatch("explain", "-c", str(file), "_x._tcp.example.com")
    assert told.code == 0
    for expected in ("target.example.com", "192.0.2.20", "8443/tcp", "orphan"):
        assert expected in told.stdout, told.stdout


def test_explain_of_a_mapped_address_is_about_where_it_leads(held: Netns, tmp_path: Path) -> None:
    with Knot({"example.com": "mapped AAAA ::ffff:192.0.2.10"}) as knot:
        file = tmp_path / "lowatch.toml"
        file.write_text(f'[dns]\nnameservers = ["{knot.nameserver}"]')
        told = lowatch("explain", "-c", str(file), "mapped.example.com")
    assert "local: 192.0.2.10/32 on lo" in told.stdout
    assert "held        192.0.2.10/32 on lo" in told.stdout
