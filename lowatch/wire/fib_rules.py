"""rtnetlink: policy rules, and how to recognise the rule that every host has first (linux/fib_rules.h)."""

from __future__ import annotations

from struct import Struct

from .netlink import NLM_F_DUMP, MalformedMessageError, request, walk_attributes
from .rtnetlink import RT_TABLE_LOCAL

RTM_GETRULE = 34

_RULE = Struct("=BBBBBBBBI")
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
