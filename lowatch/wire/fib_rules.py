"""rtnetlink: policy rules, and how to recognise the rule that every host has first (linux/fib_rules.h)."""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from .netlink import NLM_F_DUMP, MalformedMessageError, request, walk_attributes
from .rtnetlink import RT_TABLE_LOCAL

RTM_GETRULE = 34

_RULE = Struct("=BBBBBBBBI")
_U32 = Struct("=I")
_FRA_PRIORITY, _FRA_SUPPRESS_PREFIXLEN, _FRA_TABLE, _FRA_PROTOCOL = 6, 14, 15, 21
_UNSELECTIVE = frozenset({_FRA_PRIORITY, _FRA_SUPPRESS_PREFIXLEN, _FRA_TABLE, _FRA_PROTOCOL})
_SUPPRESSES_NOTHING = b"\xff\xff\xff\xff"
_FR_ACT_TO_TBL = 1
_FIB_RULE_INVERT = 2


def dump_rules(sequence: int, family: int) -> bytes:
    """A dump of one family's rules, which come in the order in which routing applies them."""
    return request(RTM_GETRULE, NLM_F_DUMP, sequence, _RULE.pack(family, 0, 0, 0, 0, 0, 0, 0, 0))


def is_plain_local(data: bytes, start: int, end: int) -> bool:
    """Whether a rule is exactly `from all lookup local`, the first rule of every host.

    Raises MalformedMessageError.
    """
    if end - start < _RULE.size:
        raise MalformedMessageError(f"{end - start} octets where {_RULE.size} are needed")
    _, destination, source, tos, table, _, _, action, flags = _RULE.unpack_from(data, start)
    found = walk_attributes(data, start + _RULE.size, end)
    first, last = found.get(_FRA_SUPPRESS_PREFIXLEN, (0, 0))
    return (
        not (destination or source or tos or flags & _FIB_RULE_INVERT)
        and (table, action) == (RT_TABLE_LOCAL, _FR_ACT_TO_TBL)
        and found.keys() <= _UNSELECTIVE
        and data[first:last] in (b"", _SUPPRESSES_NOTHING)
    )


class LookupRule(NamedTuple):
    """A rule that looks a table up."""

    priority: int
    table: int


def parse_lookup(data: bytes, start: int, end: int) -> LookupRule | None:
    """The rule in a message; None if it does something else. Raises MalformedMessageError."""
    if end - start < _RULE.size:
        raise MalformedMessageError(f"{end - start} octets where {_RULE.size} are needed")
    table, action = _RULE.unpack_from(data, start)[4], _RULE.unpack_from(data, start)[7]
    if action != _FR_ACT_TO_TBL:
        return None
    found = walk_attributes(data, start + _RULE.size, end)

    def number(kind: int, default: int) -> int:
        first, last = found.get(kind, (0, 0))
        return int(_U32.unpack_from(data, first)[0]) if last - first == _U32.size else default

    return LookupRule(number(_FRA_PRIORITY, 0), number(_FRA_TABLE, table))
