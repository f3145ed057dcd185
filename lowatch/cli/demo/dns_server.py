"""The demo's DNS server, which is authoritative for one name and answers over UDP."""

from __future__ import annotations

import asyncio
from typing import cast

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset


class OneName(asyncio.DatagramProtocol):
    """Answers A for `domain`, NODATA for its other types, and NXDOMAIN for any other name.

    domain: with its trailing dot. ttl: seconds, also of negative answers.
    """

    def __init__(self, domain: str, address: str, ttl: int) -> None:
        self._name = dns.name.from_text(domain)
        self._answer = dns.rrset.from_text(self._name, ttl, "IN", "A", address)
        soa = f"ns.{domain} hostmaster.{domain} 1 3600 600 86400 {ttl}"
        self._soa = dns.rrset.from_text(self._name, ttl, "IN", "SOA", soa)
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        try:
            query = dns.message.from_wire(data)
        except dns.exception.DNSException:
            return
        if self._transport is not None and query.question:
            response = self._reply(query).to_wire()
            self._transport.sendto(response, addr)
            self.answered(response, addr[0])

    def answered(self, response: bytes, client: str) -> None:
        """Called after each response, with the client's address."""

    def _reply(self, query: dns.message.Message) -> dns.message.Message:
        question = query.question[0]
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.AA
        if question.name == self._name and question.rdtype == dns.rdatatype.A:
            reply.answer.append(self._answer)
        else:
            reply.authority.append(self._soa)
            if question.name != self._name:
                reply.set_rcode(dns.rcode.NXDOMAIN)
        return reply
