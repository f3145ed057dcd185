"""Parses any DNS response with dnspython: those that dns_lean cannot parse, and some to verify dns_lean.

A response that dnspython cannot parse is a failure with a reason, never an exception. dnspython takes
megabytes of memory, and about 100 us per message.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import dns.edns
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from lowatch.core.addresses import Address, parse_address

from .dns import (
    MAX_CHAIN,
    MAX_TTL,
    Reply,
    ReplyKind,
    failure,
    length_reason,
    loop_reason,
    ptr_record,
    srv_record,
)

_IN = dns.rdataclass.IN
_MAX_POINTERS = 16  # of compression, in one name: dnspython 2.9's own limit
_POINTER, _LABEL_END = 0xC000, 0x40
_POINTERS = re.compile(rb"(?s)(?=([\xc0-\xff].))")
_EDE_MEANINGS = {code.value: f" {code.name.replace('_', ' ')}" for code in dns.edns.EDECode}


def parse_full(message: bytes) -> Reply:
    """Parse a response that repeats the question. Never raises: a malformed one is a FAILURE."""
    if _longest_chain_of_pointers(message) > _MAX_POINTERS:
        return failure("MALFORMED", f"malformed response: a name of more than {_MAX_POINTERS} pointers")
    try:
        return _read(dns.message.from_wire(message))
    except Exception as error:  # dnspython 2.3 to 2.9 lets ValueError and struct.error out as well
        return failure("MALFORMED", f"malformed response: {_one_line(str(error))}")


def _read(message: dns.message.Message) -> Reply:
    """Follow the CNAMEs from the queried name to the last one, and read its records."""
    rcode = dns.rcode.to_text(message.rcode())
    if rcode not in ("NOERROR", "NXDOMAIN"):
        return failure(rcode, rcode + _extended_error(message))
    owner, rrtype = message.question[0].name, message.question[0].rdtype
    names, ttl = [owner], MAX_TTL
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
    ttl = min(ttl, rrset.ttl)
    if rrtype in _RECORDS:
        addresses = sorted({record for rdata in rrset for record in _RECORDS[rrtype](rdata)})
        kind = ReplyKind.ADDRESSES if addresses else ReplyKind.NODATA
    else:
        addresses, kind = sorted(parse_address(rdata.address) for rdata in rrset), ReplyKind.ADDRESSES
    return Reply(kind, rcode, tuple(addresses), _targets(names), ttl)


def _srv_record(rdata: Any) -> Iterator[Address]:
    """The record, if any: a target of "." means that the service is not available (RFC 2782)."""
    if rdata.target != dns.name.root and rdata.port:
        yield srv_record(rdata.port, _text(rdata.target))


def _ptr_record(rdata: Any) -> Iterator[Address]:
    """The record, unless its target is ".", which names nothing."""
    if rdata.target != dns.name.root:
        yield ptr_record(_text(rdata.target))


_RECORDS = {dns.rdatatype.SRV: _srv_record, dns.rdatatype.PTR: _ptr_record}
"""How records are read that name other names in place of addresses."""


def _read_end(message: dns.message.Message, rcode: str, names: list[dns.name.Name], ttl: int) -> Reply:
    """The reply if the chain ends without an address: NXDOMAIN, NODATA, an incomplete chain or a referral.

    RFC 2308, 2.1 and 2.2 distinguish them; its section 5 gives the TTL. Without an SOA covering the last
    name, the denial cannot be cached: TTL 0.
    """
    chain = _targets(names)
    soa = _soa_for(message, names[-1])
    negative_ttl = min(ttl, soa.ttl, soa[0].minimum) if soa else 0
    if rcode == "NXDOMAIN":
        return Reply(ReplyKind.NXDOMAIN, rcode, chain=chain, ttl=negative_ttl)
    if soa is None and chain:
        # An authoritative server stops at the border of its zones. The resolver has to ask for the rest.
        return Reply(ReplyKind.ALIAS, rcode, chain=chain, ttl=ttl)
    if soa is None and any(rrset.rdtype == dns.rdatatype.NS for rrset in message.authority):
        return failure(rcode, "a referral: it resolves only the zones it serves itself")
    return Reply(ReplyKind.NODATA, rcode, chain=chain, ttl=negative_ttl)


def _find(
    message: dns.message.Message, owner: dns.name.Name, rrtype: dns.rdatatype.RdataType
) -> dns.rrset.RRset | None:
    """The RRset in the answer section. A plain search is faster than Message.get_rrset()."""
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
            text = f": {_one_line(option.text)}" if option.text else ""
            return f" (EDE {code}{meaning}{text})"
    return ""


def _one_line(text: str, limit: int = 200) -> str:
    """Text from outside, made safe to print: no control characters, limited in length."""
    shown = "".join(char if char.isprintable() else " " for char in text).strip()
    return shown if len(shown) <= limit else shown[: limit - 3] + "..."


def _longest_chain_of_pointers(message: bytes) -> int:
    """The longest chain of labels and pointers in the message, in pointers. A name may begin at any octet.

    Older dnspython follows every chain again for each name: 64 KiB can keep it busy for a minute. The
    length of a chain depends only on the target of its first pointer, and each pointer leads backwards
    (RFC 1035, 4.1.4). So the lengths are computed from the lowest of the 16,384 possible targets up. Each
    octet is read once.
    """
    targets = sorted({int.from_bytes(found, "big") - _POINTER for found in _POINTERS.findall(message)})
    lengths: dict[int, int] = {}
    ends: dict[int, int] = {}
    for target in targets:
        end = _skip_labels(message, target, ends)
        following = int.from_bytes(message[end : end + 2], "big") - _POINTER
        lengths[target] = 1 + (lengths.get(following, 0) if following < target else 0)
    return max(lengths.values(), default=0)


def _skip_labels(message: bytes, pos: int, ends: dict[int, int]) -> int:
    """The end of the labels that begin at `pos`: the position of a pointer, the root or an invalid octet.

    ends: position of each label that was read before -> the end of its labels.
    """
    passed = []
    while pos not in ends and pos < len(message) and 0 < message[pos] < _LABEL_END:
        passed.append(pos)
        pos += 1 + message[pos]
    end = ends.get(pos, pos)
    ends.update(dict.fromkeys(passed, end))
    return end
