"""What the configuration files of this host say about addresses: what brings one back at boot."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from .addresses import Address, network_of


class Effect(StrEnum):
    """What a line of a file does about the address that it names."""

    ADDS = "adds"
    """Its program puts the address on an interface when the host boots."""
    MAY_ADD = "may add"
    """It does so on demand, or under a condition, which the note says."""
    NAMES = "names"
    """It adds nothing: it announces or checks the address, or does not use the line, as the note says."""


class Configured(NamedTuple):
    """An address, or the prefix of a local route, as a line of a configuration file has it.

    prefixlen, interface: None where the file does not say. by: the program that reads the file. note: when
    or why, if the effect alone does not say so. is_route: a local route, which needs no address.
    """

    address: Address
    prefixlen: int | None
    interface: str | None
    file: str
    line: int
    by: str
    effect: Effect = Effect.ADDS
    note: str = ""
    is_route: bool = False


class Unread(NamedTuple):
    """A file, or a line of one, that could not be read or not be understood. line: 0 for the whole file."""

    file: str
    line: int
    reason: str


class BootFiles(NamedTuple):
    """What was found. files: how many were read."""

    entries: tuple[Configured, ...] = ()
    unread: tuple[Unread, ...] = ()
    files: int = 0


@dataclass(frozen=True, slots=True)
class Boot:
    """The files, compared with what this host holds.

    naming: the entries of each address. missing: entries whose address no interface of this host holds, and
    that something would add; None where the held addresses are not known.
    """

    naming: Mapping[Address, tuple[Configured, ...]] = field(default_factory=dict)
    missing: tuple[Configured, ...] | None = ()
    unread: tuple[Unread, ...] = ()
    files: int = 0

    def of(self, address: Address, prefixlen: int | None = None) -> tuple[Configured, ...]:
        """The entries of an address; failing that and with a prefix length, those of that very prefix."""
        exact = self.naming.get(address, ())
        if exact or prefixlen is None:
            return exact
        return tuple(
            entry
            for entries in self.naming.values()
            for entry in entries
            if entry.prefixlen == prefixlen
            and len(entry.address) == len(address)
            and network_of(entry.address, prefixlen) == network_of(address, prefixlen)
        )


def compare(files: BootFiles, held: Callable[[Configured], bool] | None) -> Boot:
    """The files beside what is held. held: whether this host holds an entry's address; None if unknown."""
    naming: dict[Address, list[Configured]] = {}
    for entry in files.entries:
        naming.setdefault(entry.address, []).append(entry)
    return Boot(
        naming={address: tuple(entries) for address, entries in naming.items()},
        missing=None if held is None else tuple(_missing(files.entries, held)),
        unread=files.unread,
        files=files.files,
    )


def _missing(entries: Iterable[Configured], held: Callable[[Configured], bool]) -> Iterable[Configured]:
    return (entry for entry in entries if entry.effect is not Effect.NAMES and not held(entry))
