"""The demo's own DNS server."""

from __future__ import annotations

import asyncio

import dns.asyncquery
import dns.flags
import dns.message
import dns.rcode
import pytest

from lowatch.cli.demo.dns_server import OneName
from tests.support.aio import run_async


async def ask(name: str, rdtype: str) -> dns.message.Message:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: OneName("shop.example.", "192.0.2.10", 60), local_addr=("127.0.0.1", 0)
    )
    try:
        address, port = transport.get_extra_info("sockname")
        query = dns.message.make_query(name, rdtype)
        return await dns.asyncquery.udp(query, address, timeout=5, port=port)
    finally:
        transport.close()
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("name", "rdtype", "rcode", "answers"),
    [
        ("shop.example.", "A", dns.rcode.NOERROR, ["192.0.2.10"]),
        ("SHOP.example.", "A", dns.rcode.NOERROR, ["192.0.2.10"]),
        ("shop.example.", "AAAA", dns.rcode.NOERROR, []),
        ("other.example.", "A", dns.rcode.NXDOMAIN, []),
    ],
)
def test_dns(name: str, rdtype: str, rcode: dns.rcode.Rcode, answers: list[str]) -> None:
    reply = run_async(ask(name, rdtype))
    assert reply.rcode() == rcode
    assert reply.flags & dns.flags.AA
    assert [str(rdata) for rrset in reply.answer for rdata in rrset] == answers
    assert [rrset.ttl for rrset in reply.answer + reply.authority] == [60]


def test_dns_answers_no_garbage() -> None:
    server = OneName("shop.example.", "192.0.2.10", 60)
    server.datagram_received(b"garbage", ("127.0.0.1", 1))  # would fail, having no transport
