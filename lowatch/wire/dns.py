"""DNS messages (RFC 1035, EDNS of RFC 6891): a query's bytes, and what a response says as values.

Reading is dnspython's. Whatever it cannot read is a failure with a reason, never an exception.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum, StrEnum

import dns.edns
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from lowatch.core.addresses import Address, parse_address

MAX_CHAIN = 16
"""CNAMEs followed for one name, in one message or over several."""

_HEADER_LENGTH = 12
# After the id: RD set, one question, no answer, no authority, one additional record (the OPT).
_QUERY_HEADER = struct.pack("!HHHHH", 0x0100, 1, 0, 0, 1)
# The root as owner, TYPE 41, CLASS = a payload of 1232 octets (no fragments, DNS flag day 2020).
_OPT = b"\0" + struct.pack("!HHIH", 41, 1232, 0, 0)
_CLASS_IN = b"\0\1"
_QR_AND_OPCODE, _QR_ALONE = 0xF8, 0x80
_TC = 0x02
_MAX_TTL = 0x7FFFFFFF
_IN = dns.rdataclass.IN
_EDE_MEANINGS = {code.value: f" {code.name.replace('_', ' ')}" for code in dns.edns.EDECode}


class RRType(IntEnum):
    """The types asked for, by their numbers on the wire."""

    A = 1
    AAAA = 28


class Kind(StrEnum):
    """What a response comes to. NXDOMAIN, NODATA and failure are never merged (RFC 9499)."""

    ADDRESSES = "addresses"
    NXDOMAIN = "nxdomain"
    NODATA = "nodata"
    ALIAS = "alias"
    """A chain of CNAMEs that ends in a name the server says nothing about: ask for that one."""
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Reply:
    """What a response says, or why there is none.

    rcode: its RCODE's mnemonic, or what took its place ("TIMEOUT", "UNREACHABLE", "MALFORMED").
    addresses: sorted, empty unless kind is ADDRESSES. chain: CNAME targets, in order, lower case.
    ttl: seconds, the minimum along the chain; for a negative reply the SOA's too (RFC 2308, 5).
    reason: one line, for a FAILURE; "" otherwise.
    """

    kind: Kind
    rcode: str
    addresses: tuple[Address, ...] = ()
    chain: tuple[str, ...] = ()
    ttl: int = 0
    reason: str = ""


def failure(rcode: str, reason: str) -> Reply:
    return Reply(Kind.FAILURE, rcode, reason=reason)


def encode_name(name: str) -> bytes:
    """A name without its trailing dot, as labels. Raises ValueError where it cannot be one."""
    if "\\" in name or name == ".":  # only a CNAME's target may be as unusual as that
        return dns.name.from_text(name).to_digestable()
    labels = name.encode("ascii").split(b".")
    if not all(0 < len(label) < 64 for label in labels) or len(name) > 253:
        raise ValueError(f"{name!r} is not a domain name")
    return b"".join(bytes((len(label),)) + label for label in labels) + b"\0"


def encode_question(name: str, rrtype: RRType) -> bytes:
    """The question section for a name: what a response must repeat octet by octet."""
    return encode_name(name) + rrtype.to_bytes(2, "big") + _CLASS_IN


def encode_query(question: bytes, ident: int) -> bytes:
    """A whole query; `ident` is its random 16-bit id."""
    return ident.to_bytes(2, "big") + _QUERY_HEADER + question + _OPT


def ident_of(message: bytes) -> int:
    """The id of a message. Shorter ones have none that could match: -1."""
    return int.from_bytes(message[:2], "big") if len(message) >= _HEADER_LENGTH else -1


def repeats_question(message: bytes, question: bytes) -> bool:
    """Whether it is a response to exactly this question; anything else is not for us to read."""
    return (
        len(message) >= _HEADER_LENGTH
        and message[2] & _QR_AND_OPCODE == _QR_ALONE
        and message[4:6] == b"\0\1"
        and message.startswith(question, _HEADER_LENGTH)
    )


def is_truncated(message: bytes) -> bool:
    return bool(message[2] & _TC)


def parse_reply(message: bytes) -> Reply:
    """Read a response of which `repeats_question` holds. Never raises: a bad one is a FAILURE."""
    try:
        return _read(dns.message.from_wire(message))
    except Exception as error:  # dnspython 2.3 to 2.9 lets ValueError and struct.error out as well
        return failure("MALFORMED", f"malformed response: {one_line(str(error))}")


def one_line(text: str, limit: int = 200) -> str:
    """Foreign text made safe to print: no control characters, not too long."""
    shown = "".join(char if char.isprintable() else " " for char in text).strip()
    return shown if len(shown) <= limit else shown[: limit - 3] + "..."


def loop_reason(name: str) -> str:
    return f"CNAME loop at {name}"


def length_reason() -> str:
    return f"a chain of more than {MAX_CHAIN} CNAMEs"


def _read(message: dns.message.Message) -> Reply:
    """Walk from the name asked for, CNAME by CNAME, to what the message knows of the last one."""
    rcode = dns.rcode.to_text(message.rcode())
    if rcode not in ("NOERROR", "NXDOMAIN"):
        return failure(rcode, rcode + _extended_error(message))
    owner, rrtype = message.question[0].name, message.question[0].rdtype
    names, ttl = [owner], _MAX_TTL
    while (rrset := _find(message, owner, rrtype)) is None:
        alias = _find(message, owner, dns.rdatatype.CNAME)
        if alias is None:
            return _read_end(message, rcode, names, ttl)
        owner, ttl = alias[0].target, min(ttl, alias.ttl)
        if owner in names:
            return failure(rcode, loop_reason(_text(owner)))
        names.append(owner)
        if len(names) > MAX_CHAIN + 1:
            return failure(rcode, length_reason())
    if rcode == "NXDOMAIN":
        return failure("MALFORMED", "malformed response: NXDOMAIN, with addresses")
    addresses = sorted(parse_address(rdata.address) for rdata in rrset)
    return Reply(Kind.ADDRESSES, rcode, tuple(addresses), _targets(names), min(ttl, rrset.ttl))


def _read_end(message: dns.message.Message, rcode: str, names: list[dns.name.Name], ttl: int) -> Reply:
    """The chain ends without an address: NXDOMAIN, NODATA, cut short, or a referral.

    RFC 2308, 2.1 and 2.2 tell them apart; its section 5 gives the TTL. Without an SOA that covers
    the last name there is nothing to remember a denial by: TTL 0.
    """
    chain = _targets(names)
    soa = _soa_for(message, names[-1])
    negative_ttl = min(ttl, soa.ttl, soa[0].minimum) if soa else 0
    if rcode == "NXDOMAIN":
        return Reply(Kind.NXDOMAIN, rcode, chain=chain, ttl=negative_ttl)
    if soa is None and chain:
        # An authoritative server stops at the border of its zones and leaves the rest to us.
        return Reply(Kind.ALIAS, rcode, chain=chain, ttl=ttl)
    if soa is None and any(rrset.rdtype == dns.rdatatype.NS for rrset in message.authority):
        return failure(rcode, "a referral: it resolves only the zones it serves itself")
    return Reply(Kind.NODATA, rcode, chain=chain, ttl=negative_ttl)


def _find(
    message: dns.message.Message, owner: dns.name.Name, rrtype: dns.rdatatype.RdataType
) -> dns.rrset.RRset | None:
    """By a plain search: Message.get_rrset costs more than an answer has records, usually."""
    for rrset in message.answer:
        if rrset.rdtype == rrtype and rrset.rdclass == _IN and rrset.name == owner:
            return rrset
    return None


def _soa_for(message: dns.message.Message, name: dns.name.Name) -> dns.rrset.RRset | None:
    for rrset in message.authority:
        if rrset.rdtype == dns.rdatatype.SOA and name.is_subdomain(rrset.name):
            return rrset
    return None


def _targets(names: list[dns.name.Name]) -> tuple[str, ...]:
    return tuple(_text(name) for name in names[1:])


def _text(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower()


def _extended_error(message: dns.message.Message) -> str:
    """The first Extended DNS Error (RFC 8914), as " (EDE 6 DNSSEC BOGUS: text)", or ""."""
    for option in message.options:
        if isinstance(option, dns.edns.EDEOption):
            code = int(option.code)
            meaning = _EDE_MEANINGS.get(code, "")
            text = f": {one_line(option.text)}" if option.text else ""
            return f" (EDE {code}{meaning}{text})"
    return ""
