"""Parses common DNS responses in microseconds: addresses after a chain of CNAMEs, or a denial.

Only unambiguous responses are parsed. The result for all others, even valid ones, is None: dns_full parses
them. A result equals that of dns_full for the same octets. So a response must have:

- RCODE NOERROR or NXDOMAIN, no truncation, no octets after the last record;
- answer: CNAMEs in the order of their chain, then addresses of its last name, of the queried type, or PTR
  records, if they are queried;
- authority: empty, or in a denial one SOA, of a zone that contains the last name;
- additional: empty, or one OPT of version 0 without flags or options;
- class IN, no TTL with its top bit set, names of letters, digits, hyphens and underscores;
- compression pointers (RFC 1035, 4.1.4) to earlier labels that do not overlap the name.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from itertools import pairwise
from string import ascii_letters, digits

from lowatch.core.addresses import V4_LENGTH, V6_LENGTH, Address

from .dns import (
    HEADER_LENGTH,
    MAX_CHAIN,
    MAX_TTL,
    Reply,
    ReplyKind,
    RRType,
    failure,
    is_truncated,
    ptr_record,
    srv_record,
)

_COUNTS = struct.Struct("!HHH")  # of the records in answer, authority, additional
_RECORD = struct.Struct("!HHIH")  # after the owner name: TYPE, CLASS, TTL, RDLENGTH
_MINIMUM = struct.Struct("!I")  # the last of the five numbers at the end of an SOA's rdata
_SOA_NUMBERS = 20

_SRV_NUMBERS = 6  # priority, weight and port
_RCODES = {0: "NOERROR", 3: "NXDOMAIN"}
_CNAME, _SOA, _OPT = 5, 6, 41
_IN = 1
_LENGTHS = {RRType.A.value: V4_LENGTH, RRType.AAAA.value: V6_LENGTH}

_POINTER = 0xC000
_MAX_LABEL = 63
_MAX_NAME = 255  # with an octet of length for each label, and for the root
_USUAL = (ascii_letters + digits + "-_.").encode()


# The response with one A record and an empty OPT: ten of eleven responses.
_QR_OPCODE_AND_TC, _RESPONSE = 0xFA, 0x80
_RCODE = 0x0F
_SINGLE_COUNTS = struct.pack("!HHHH", 1, 1, 0, 1)
_SINGLE_LENGTH = 16 + 11
_OWNER_TYPE_AND_CLASS = struct.pack("!HHH", _POINTER + HEADER_LENGTH, RRType.A, _IN)
_NO_ANSWERS = bytes(2)
_RDLENGTH = struct.pack("!H", V4_LENGTH)
_OPT_OWNER_AND_TYPE = struct.pack("!BH", 0, _OPT)
_OPT_SAYS_NOTHING = bytes(6)  # no extended RCODE, version 0, no flags, no options


_Naming = Callable[[bytes, int, int], Iterator[Address]]
"""Reads the rdata of a record that names another name: message, start, end."""


class _UnusualError(Exception):
    """The response is not a common one."""


def parse_lean(message: bytes, question: bytes) -> Reply | None:
    """Parse a response that repeats the question. None if it is not a common one. Never raises."""
    try:
        return _read(message, question)
    except (_UnusualError, IndexError, struct.error):  # the last two: the message ends too early
        return None


def count_records(message: bytes) -> int:
    """The number of records according to the header."""
    return sum(_COUNTS.unpack_from(message, 6))


def parse_large(message: bytes, question: bytes) -> Reply:
    """Parse a response that is too large for dnspython, which would block the loop for 0.2 s. Never raises.

    Works like parse_lean, and parses SRV and PTR records too. Authority and additional sections are
    ignored: they do not change what the answer section means. A response without a plain answer is a
    FAILURE.
    """
    try:
        return _read_large(message, question)
    except (_UnusualError, IndexError, struct.error):
        size = f"{len(message):,} octets, {count_records(message):,} records"
        return failure("MALFORMED", f"a response too large to be read, and not plain: {size}")


def renewed_ttl(message: bytes, question: bytes, address: bytes) -> int | None:
    """The TTL of the most common response to a query for A; None for any other message.

    That response has one A record, of this address, and an empty OPT. Takes a third of parse_lean's time.
    """
    record = message[HEADER_LENGTH + len(question) :]
    if (
        len(record) == _SINGLE_LENGTH
        and message[2] & _QR_OPCODE_AND_TC == _RESPONSE
        and not message[3] & _RCODE
        and message[4:HEADER_LENGTH] == _SINGLE_COUNTS
        and message.startswith(question, HEADER_LENGTH)
        and record[:6] == _OWNER_TYPE_AND_CLASS
        and record[10:19] == _RDLENGTH + address + _OPT_OWNER_AND_TYPE
        and record[21:] == _OPT_SAYS_NOTHING
    ):
        ttl = int.from_bytes(record[6:10], "big")
        return ttl if ttl <= MAX_TTL else None
    return None


def denial_key(message: bytes, question: bytes) -> bytes | None:
    """The key under which denials are shared; None for a message with an answer.

    The key leaves out the id and the first label of the queried name, but not the label's length. So all
    names of a zone with a first label of that length share it. The label's text does not matter, because
    the zone has to cover only what follows it; is_shareable finds the exceptions.
    question: in lower case. (The message repeats it as it was sent.)
    """
    if message[6:8] != _NO_ANSWERS:
        return None
    rest = HEADER_LENGTH + len(question)
    return message[2:HEADER_LENGTH] + question[:1] + question[1 + question[0] :] + message[rest:]


def is_shareable(message: bytes, question: bytes) -> bool:
    """Whether no other name in the message contains the first label.

    A name does if a compression pointer leads into the label, or if the whole name is repeated.
    """
    if question[:-4] in message[HEADER_LENGTH + len(question) :].lower():
        return False
    within = range(HEADER_LENGTH + 1, HEADER_LENGTH + 1 + message[HEADER_LENGTH])
    return not any(
        octet >= _POINTER >> 8 and (octet << 8 | following) - _POINTER in within
        for octet, following in pairwise(message[within.stop :])
    )


def _read(message: bytes, question: bytes) -> Reply:
    rcode = _RCODES.get(message[3] & 0x0F)
    answers, authorities, additionals = _COUNTS.unpack_from(message, 6)
    if rcode is None or is_truncated(message) or authorities > 1 or additionals > 1:
        raise _UnusualError
    naming = _read_ptr if question[-3] == RRType.PTR else None
    addresses, chain, ttl, pos = _read_answer(message, question, answers, naming)
    if naming is not None and not addresses and answers > len(chain):
        raise _UnusualError  # all targets are "."
    if authorities:
        last = chain[-1] if chain else _text(_labels(message, HEADER_LENGTH)[0])
        negative_ttl, pos = _read_soa(message, pos, last)
        ttl = min(ttl, negative_ttl)
    if additionals:
        pos = _skip_opt(message, pos)
    if pos != len(message):
        raise _UnusualError
    return Reply(_kind(rcode, addresses, chain, authorities), rcode, addresses, chain, ttl)


def _read_large(message: bytes, question: bytes) -> Reply:
    answers, _, _ = _COUNTS.unpack_from(message, 6)
    addresses, chain, ttl, pos = _read_answer(message, question, answers, _NAMING.get(question[-3]))
    if message[3] & _RCODE or is_truncated(message) or not addresses or pos > len(message):
        raise _UnusualError
    return Reply(ReplyKind.ADDRESSES, _RCODES[0], addresses, chain, ttl)


def _kind(
    rcode: str, addresses: tuple[Address, ...], chain: tuple[str, ...], authorities: int
) -> ReplyKind:
    """RFC 2308, 2.1 and 2.2. Without an SOA, a response without addresses is common only with a chain."""
    if addresses and rcode == "NOERROR" and not authorities:
        return ReplyKind.ADDRESSES
    if authorities and not addresses:
        return ReplyKind.NODATA if rcode == "NOERROR" else ReplyKind.NXDOMAIN
    if chain and rcode == "NOERROR" and not addresses:
        return ReplyKind.ALIAS
    raise _UnusualError


def _read_answer(
    message: bytes, question: bytes, count: int, naming: _Naming | None = None
) -> tuple[tuple[Address, ...], tuple[str, ...], int, int]:
    """The addresses, the chain of their name, the lowest TTL, and where the section ends.

    naming: reads SRV or PTR records, which take the place of addresses if the query is for them.
    """
    asked, pos = question[-3], HEADER_LENGTH + len(question)
    owner = HEADER_LENGTH  # the position of the name that must own the next record
    addresses: set[Address] = set()
    chain: list[str] = []
    least = MAX_TTL
    for _ in range(count):
        start = _skip_owner(message, pos, owner)
        rrtype, ttl, pos = _read_record(message, start)
        start += _RECORD.size
        if rrtype == asked and pos - start == _LENGTHS.get(asked):
            addresses.add(Address(message[start:pos]))
        elif naming is not None and rrtype == asked:
            addresses.update(naming(message, start, pos))
        elif rrtype == _CNAME and not addresses:
            owner = start
            chain.append(_read_target(message, start, pos))
        else:
            raise _UnusualError
        least = min(least, ttl)
    if chain and not _is_plain(chain, message):
        raise _UnusualError
    return tuple(sorted(addresses)), tuple(chain), least, pos


def _skip_owner(message: bytes, pos: int, owner: int) -> int:
    """Where the name at `pos` ends. It must equal the name at `owner`, and usually is a pointer to it."""
    if message[pos] << 8 | message[pos + 1] == _POINTER + owner:
        return pos + 2
    labels, end = _labels(message, pos)
    if _text(labels) != _text(_labels(message, owner)[0]):
        raise _UnusualError
    return end


def _read_record(message: bytes, pos: int) -> tuple[int, int, int]:
    """TYPE, TTL, and where the rdata ends."""
    rrtype, rrclass, ttl, length = _RECORD.unpack_from(message, pos)
    if rrclass != _IN or ttl > MAX_TTL:
        raise _UnusualError
    return rrtype, ttl, pos + _RECORD.size + length


def _read_target(message: bytes, pos: int, end: int) -> str:
    labels, after = _labels(message, pos)
    if after != end or not labels:
        raise _UnusualError
    return _text(labels)


def _read_srv(message: bytes, start: int, end: int) -> Iterator[Address]:
    """The record, if any: a target of "." means that the service is not available (RFC 2782)."""
    labels, after = _labels(message, start + _SRV_NUMBERS)
    if after != end:
        raise _UnusualError
    port = int.from_bytes(message[start + 4 : start + _SRV_NUMBERS], "big")
    if labels and port:
        yield srv_record(port, _text(labels))


def _read_ptr(message: bytes, start: int, end: int) -> Iterator[Address]:
    """The record, unless its target is "."."""
    labels, after = _labels(message, start)
    if after != end:
        raise _UnusualError
    if labels:
        yield ptr_record(_text(labels))


_NAMING: dict[int, _Naming] = {RRType.SRV: _read_srv, RRType.PTR: _read_ptr}


def _is_plain(chain: list[str], message: bytes) -> bool:
    """Whether the chain has no loop and is not too long."""
    names = {_text(_labels(message, HEADER_LENGTH)[0]), *chain}
    return len(names) == len(chain) + 1 <= MAX_CHAIN + 1


def _read_soa(message: bytes, pos: int, name: str) -> tuple[int, int]:
    """TTL of a denial of `name` (RFC 2308, 5), and where the SOA at `pos` ends, which must cover it."""
    labels, pos = _labels(message, pos)
    rrtype, ttl, end = _read_record(message, pos)
    zone = _text(labels)
    _, numbers = _labels(message, _labels(message, pos + _RECORD.size)[1])
    covered = not zone or name == zone or name.endswith("." + zone)
    if rrtype != _SOA or numbers + _SOA_NUMBERS != end or not covered:
        raise _UnusualError
    return min(ttl, _MINIMUM.unpack_from(message, end - _MINIMUM.size)[0]), end


def _skip_opt(message: bytes, pos: int) -> int:
    """RFC 6891, 6.1.2 and 6.1.3: the TTL holds an extended RCODE, the version and the flags."""
    rrtype, _, extended, length = _RECORD.unpack_from(message, pos + 1)
    if message[pos] or rrtype != _OPT or extended >> 16 or length:
        raise _UnusualError
    return pos + 1 + _RECORD.size


def _labels(message: bytes, pos: int) -> tuple[list[bytes], int]:
    """The labels of the name at `pos`, and where it ends there."""
    labels: list[bytes] = []
    start, limit = pos, len(message)
    end = 0
    while length := message[pos]:
        if length <= _MAX_LABEL:
            labels.append(message[pos + 1 : pos + 1 + length])
            pos += 1 + length
            continue
        target = (length << 8 | message[pos + 1]) - _POINTER
        # Pointers must lead to a label, so that there are no more pointers than labels, and backwards.
        if not HEADER_LENGTH <= target < start or message[target] > _MAX_LABEL or pos + 2 > limit:
            raise _UnusualError
        end = end or pos + 2
        start, limit, pos = target, start, target
    if pos + 1 > limit or sum(map(len, labels)) + len(labels) >= _MAX_NAME:
        raise _UnusualError
    return labels, end or pos + 1


def _text(labels: list[bytes]) -> str:
    """The name in lower case, without its final dot. Octets that would need escapes are unusual."""
    name = b".".join(labels)
    if name.translate(None, _USUAL) or name.count(b".") != max(0, len(labels) - 1):
        raise _UnusualError
    return name.decode("ascii").lower()
