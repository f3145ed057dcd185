"""The files that configure addresses, beside what is held."""

from __future__ import annotations

from lowatch.core.addresses import parse_address
from lowatch.core.boot import BootFiles, Configured, Effect, Unread, compare

A, B, C = (parse_address(f"10.1.2.{n}") for n in (1, 2, 3))


def entry(address: bytes, prefixlen: int | None = 32, effect: Effect = Effect.ADDS) -> Configured:
    return Configured(parse_address(".".join(map(str, address))), prefixlen, "lo", "/etc/x", 1, "x", effect)


FILES = BootFiles(
    (entry(A), entry(A, 24), entry(B), entry(C, effect=Effect.NAMES)), (Unread("/y", 0, "odd"),), 7
)


def test_entries_are_found_by_their_address() -> None:
    boot = compare(FILES, lambda _: True)
    assert boot.of(A) == FILES.entries[:2]
    assert boot.of(parse_address("10.1.2.9")) == ()
    assert (boot.unread, boot.files) == (FILES.unread, 7)


def test_and_by_their_prefix_where_nobody_has_the_address() -> None:
    boot = compare(FILES, None)
    assert boot.of(parse_address("10.1.2.0"), 24) == (FILES.entries[1],)
    assert boot.of(A, 24) == FILES.entries[:2]
    assert boot.of(parse_address("10.1.0.0"), 16) == ()
    assert boot.of(parse_address("2001:db8::"), 24) == ()


def test_what_is_missing() -> None:
    held = {A}
    assert compare(FILES, lambda one: one.address in held).missing == (FILES.entries[2],)
    assert compare(FILES, None).missing is None
