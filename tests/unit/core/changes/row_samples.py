"""Rows and undos to try things with."""

from __future__ import annotations

from lowatch.core.addresses import parse_address, parse_prefix
from lowatch.core.changes.putting_back import STAND_IN
from lowatch.core.changes.rows import AddressRow, KernelState, RouteRow
from lowatch.core.changes.undo import Undo

NOTHING = Undo("web1", "boot", 1, 0.0)


def address(text: str, **others: object) -> AddressRow:
    where, _, length = text.partition("/")
    return AddressRow("lo", parse_address(where), int(length or 32), **others)  # type: ignore[arg-type]


def route(prefix: str, protocol: int = 66, **others: object) -> RouteRow:
    return RouteRow("lo", parse_prefix(prefix), 255, 2, protocol, **others)  # type: ignore[arg-type]


def state(*rows: AddressRow | RouteRow) -> KernelState:
    return KernelState(
        tuple(row for row in rows if isinstance(row, AddressRow)),
        tuple(row for row in rows if isinstance(row, RouteRow)),
    )


A, B, C = (address(f"192.0.2.{number}") for number in (10, 11, 12))
A6, B6, C6 = (address(f"2001:db8::{number}/128") for number in (10, 11, 12))


def stand_in(row: AddressRow) -> RouteRow:
    v4 = len(row.address) == 4
    prefix = parse_prefix(f"{str(row).split('/')[0]}/{32 if v4 else 128}")
    return RouteRow(
        "lo",
        prefix,
        255,
        2,
        4,
        254 if v4 else 0,
        priority=STAND_IN,
        preference=None if v4 else 0,
    )
