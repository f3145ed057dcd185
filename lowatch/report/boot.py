"""What the files that configure addresses say about one, as text for people."""

from __future__ import annotations

from collections.abc import Iterator

from lowatch.core.addresses import Address, format_address, is_loopback
from lowatch.core.boot import Boot, Configured, Effect, Unread
from lowatch.core.printable import printable

from .phrases import count, first_few

_MANY = 5


def boot_texts(
    boot: Boot, address: Address, prefixlen: int | None, interface: str | None, *, held: bool
) -> Iterator[str]:
    """The lines about an address: where it is configured, or that no file explains it.

    prefixlen, interface: as it is held, or None; what a file says is shown where it differs. held: whether
    it is held.
    """
    entries = boot.of(address, prefixlen)
    for entry in entries[:_MANY]:
        yield _entry(entry, prefixlen, interface)
    if len(entries) > _MANY:
        yield f"and in {count(len(entries) - _MANY, 'more line')}"
    if held and not is_loopback(address) and all(entry.effect is Effect.NAMES for entry in entries):
        yield _unexplained(boot)
    elif not entries and not held:
        yield _none_of(boot)


def _entry(entry: Configured, prefixlen: int | None, interface: str | None) -> str:
    verb = "named" if entry.effect is Effect.NAMES else "configured"
    words = f"{verb} in {_place(entry.file, entry.line)} ({entry.by})"
    if prefixlen is not None and entry.prefixlen not in (None, prefixlen):
        words += f" as {format_address(entry.address)}/{entry.prefixlen}"
    if entry.interface is not None and entry.interface != interface:
        words += f" for {printable(entry.interface)}"
    return f"{words}, {printable(entry.note)}" if entry.note else words


def _unexplained(boot: Boot) -> str:
    """It is said to be added at run time only if every file could be read."""
    return f"{'' if boot.unread else 'added at run time: '}{_none_of(boot)}"


def _none_of(boot: Boot) -> str:
    if not boot.unread:
        return f"no configuration file adds it ({boot.files:,} read)"
    first = first_few([_unread(one) for one in boot.unread])
    readable = f"no configuration file that could be read adds it ({boot.files:,} read)"
    return f"{readable}; could not be read: {first}"


def _unread(unread: Unread) -> str:
    return f"{_place(unread.file, unread.line)} ({printable(unread.reason)})"


def _place(file: str, line: int) -> str:
    return f"{printable(file)}:{line}" if line else printable(file)
