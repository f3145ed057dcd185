"""Finds the names of a zone file that lead to given addresses.

The file is read once for its addresses, and again for its aliases (CNAME and SRV records) until no name is
added. What is kept beside the names that are found does not grow with the number of records.
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import length_hint
from socket import AF_INET, AF_INET6, inet_pton
from typing import BinaryIO, NamedTuple

from lowatch.core.addresses import V4_LENGTH
from lowatch.core.limits.zones import ZONE_CUTS, ZONE_LINES, ZONE_NAMES

from .blocks import blocks, check_bound, mentioning, more_than
from .destinations import Destinations
from .master_file import NO_TYPES, MasterFile, Record, Row, line_of, rows, seconds
from .owner_names import ZoneFileError, is_within, parents

MAX_CHAIN = 16
"""Aliases followed for one name, as by DNS."""
_TARGETS = {b"CNAME": 0, b"SRV": 3}
"""Where the data of an alias has its target."""


class Soa(NamedTuple):
    """The start of authority. name: as in ZoneNames. Times in seconds."""

    name: str
    serial: int
    refresh: int
    retry: int
    expire: int


class ZoneNames(NamedTuple):
    """The names of a zone that lead to the addresses, or may do so; without their final dot, sorted.

    asked: those among `names` that the file alone does not decide: their alias leads out of the zone, or to
    a name below a delegation, a wildcard or a DNAME. wildcards: those that lead to the addresses; which
    names they make, the file cannot tell.
    """

    soa: Soa
    names: tuple[str, ...]
    asked: frozenset[str]
    wildcards: tuple[str, ...]
    lines: int


class _Unit(NamedTuple):
    """A part of the file that has aliases, and what the lines before it mean for it.

    lines: how many are before it. is_plain: whether each alias is a line of whole names.
    """

    start: int
    size: int
    is_plain: bool
    lines: int
    origin: bytes | None
    owner: bytes


def leading_names(stream: BinaryIO, destinations: Destinations) -> ZoneNames:
    """The names of a zone file that lead to some addresses. stream: seekable, at its start.

    Blocks for two seconds per million records. Raises OSError, and ZoneFileError, whose line is in its
    message.
    """
    scan = _Scan(destinations)
    units = list(scan.addresses(stream))
    zone = scan.finish_addresses()
    for _ in range(MAX_CHAIN):
        before = scan.size
        for unit in units:
            stream.seek(unit.start)
            scan.aliases(stream.read(unit.size), unit)
        if scan.has_doubts:
            stream.seek(0)
            scan.owners(stream)
        if scan.size == before:
            break
    return scan.result(zone)


class _Scan:
    """found: the owners that lead to the addresses, absolute. asked: those among them that may not.

    beneath: names at or below which the file has no say: delegations and DNAMEs. made_below: names below
    which wildcards that lead here make names, unless the file has them. doubted: targets of aliases for
    which that is open. missing, present: whether the file has them, once that is known.
    """

    def __init__(self, destinations: Destinations) -> None:
        self._destinations = destinations
        self._found: set[bytes] = set()
        self._asked: set[bytes] = set()
        self._beneath: set[bytes] = set()
        self._delegated: set[bytes] = set()
        self._made_below: set[bytes] = set()
        self._doubted: set[bytes] = set()
        self._missing: set[bytes] = set()
        self._present: set[bytes] = set()
        self._wildcards: set[bytes] = set()
        self._zone = b""
        self._soa: Soa | None = None
        self._lines = self.lines = 0
        self._has_aliases = False
        self._is_plain = True
        self._cover = destinations.cover

    @property
    def size(self) -> int:
        """Grows with every name that is found, and with every one that turns out to be missing."""
        return len(self._found) + len(self._wildcards) + len(self._missing)

    @property
    def has_doubts(self) -> bool:
        """Whether owners() has to be called."""
        return bool(self._doubted)

    # The first reading.

    def addresses(self, stream: BinaryIO) -> Iterator[_Unit]:
        """Read the whole file. Yields the parts with aliases."""
        file = MasterFile()
        start, size = 0, 0
        lines, origin, owner = 0, file.origin, file.owner
        for block in blocks(stream):
            size += len(block)
            self._read(file, block, addresses=True)
            if file.depth:
                continue
            if self._has_aliases:
                yield _Unit(start, size, self._is_plain, lines, origin, owner)
            self._has_aliases, self._is_plain = False, True
            start, size = start + size, 0
            lines, origin, owner = self._lines, file.origin, file.owner
        if file.depth:
            raise ZoneFileError("ends within parentheses: it is cut off")

    def finish_addresses(self) -> Soa:
        """Called between the readings, when the name of the zone is known."""
        self.lines = self._lines
        if self._soa is None:
            raise ZoneFileError("has no SOA record: it is not a whole zone")
        self._found = {name for name in self._found if is_within(name, self._zone)}
        self._beneath |= self._delegated - {self._zone}
        return self._soa

    def _read(self, file: MasterFile, block: bytes, *, addresses: bool) -> None:
        """Read whole lines. addresses: whether to look at addresses; otherwise only at aliases."""
        left = iter(found := rows(block))
        try:
            self._rows(file, left, addresses=addresses)
        except ZoneFileError as error:
            line = self._lines + len(found) - length_hint(left)
            raise ZoneFileError(f"line {line:,}: {error}") from None
        self._lines += len(found)
        if self._lines > ZONE_LINES.value:
            raise ZoneFileError(more_than(ZONE_LINES, "lines"))

    def _rows(self, file: MasterFile, left: Iterator[Row], *, addresses: bool) -> None:
        hosts, are_wide = self._destinations.hosts, self._destinations.are_wide
        for row in left:
            owner, _, kind, data, other = row
            if file.depth or kind in NO_TYPES or not (owner or file.owner):
                if other or kind or file.depth:
                    self._line(file, line_of(row), addresses=addresses)
                continue
            if owner:
                file.owner = owner
            if kind in _FAMILIES:
                if not addresses:
                    continue
                try:
                    packed = inet_pton(_FAMILIES[kind], data.decode())
                except (OSError, ValueError):  # white space at its end, perhaps
                    self._line(file, line_of(row), addresses=True)
                    continue
                if packed in hosts or ((are_wide or len(packed) > V4_LENGTH) and self._cover(packed)):
                    self._lead(file.name(file.owner))
            elif kind in _LOOKED_AT:
                self._record(Record(file.name(file.owner), kind, data.split()), file, addresses=addresses)
                self._is_plain &= owner[-1:] == b"." == data[-1:]

    def _line(self, file: MasterFile, line: bytes, *, addresses: bool) -> None:
        record = file.feed(line)
        self._is_plain &= not file.depth
        if record is not None and record.kind in _LOOKED_AT_WITH_ADDRESSES:
            self._is_plain = False
            self._record(record, file, addresses=addresses)

    def _record(self, record: Record, file: MasterFile, *, addresses: bool) -> None:
        owner, kind, _ = record
        if kind in _TARGETS:
            target = _member(record, _TARGETS[kind])
            if addresses:
                file.name(target)
                self._has_aliases = True
            else:
                self._alias(owner, file.name(target))
        elif not addresses:
            return
        elif kind in _FAMILIES:
            written = _member(record, 0)
            try:
                packed = inet_pton(_FAMILIES[kind], written.decode())
            except (OSError, ValueError):
                raise ZoneFileError(f"a bad address in a record of type {kind.decode()}") from None
            if self._cover(packed):
                self._lead(owner)
        elif kind == b"SOA":
            self._start(record)
        else:
            self._delegated.add(owner)
            check_bound(self._delegated, ZONE_CUTS, "delegations, wildcards and DNAMEs")

    def _lead(self, owner: bytes) -> None:
        """An owner leads to the addresses."""
        if owner.startswith(b"*."):
            self._wildcards.add(owner)
            self._made_below.add(owner[2:])
            check_bound(self._wildcards, ZONE_CUTS, "delegations, wildcards and DNAMEs")
        elif owner not in self._found:
            if len(self._found) >= ZONE_NAMES.value:
                raise ZoneFileError(more_than(ZONE_NAMES, "names that lead here"))
            self._found.add(owner)

    def _start(self, record: Record) -> None:
        if len(record.data) != 7 or not record.data[2].isdigit():
            raise ZoneFileError("a malformed SOA record")
        if self._soa is not None and record.owner != self._zone:
            raise ZoneFileError("a second SOA record: the file has more than one zone")
        self._zone = record.owner
        refresh, retry, expire = map(seconds, record.data[3:6])
        serial = int(record.data[2][:20])
        self._soa = Soa(_shown(record.owner), serial, refresh, retry, expire)

    # The readings after it.

    def aliases(self, block: bytes, unit: _Unit) -> None:
        """Read the aliases in a part of the file again."""
        self._lines = unit.lines
        if unit.is_plain:
            block = b"".join(mentioning(block, b"CNAME", b"SRV"))
        self._read(MasterFile(unit.origin, unit.owner), block, addresses=False)

    def _alias(self, owner: bytes, target: bytes) -> None:
        if owner in self._found or not is_within(owner, self._zone) or target == b".":
            return
        if target in self._found:
            is_asked = target in self._asked
        elif self._is_unlisted(target):
            is_asked = True
        else:
            return
        self._lead(owner)
        if is_asked:
            self._asked.add(owner)

    def _is_unlisted(self, target: bytes) -> bool:
        """Whether a name may have addresses that the file does not list."""
        if target in self._missing or target in self._wildcards or not is_within(target, self._zone):
            return True
        if not (self._beneath or self._made_below):
            return False
        above = parents(target)
        if not self._beneath.isdisjoint((target, *above)):
            return True
        if target not in self._present and not self._made_below.isdisjoint(above):
            self._doubted.add(target)
            check_bound(self._doubted, ZONE_NAMES, "aliases of names below wildcards")
        return False

    def owners(self, stream: BinaryIO) -> None:
        """Read the whole file again: which of the names in doubt does it have? No wildcard makes those."""
        file = MasterFile()
        present: set[bytes] = set()
        for block in blocks(stream):
            for row in rows(block):
                owner = _owner(file, row)
                if owner in self._doubted:
                    present.add(owner)
        self._missing |= self._doubted - present
        self._present |= present
        self._doubted.clear()

    def result(self, soa: Soa) -> ZoneNames:
        names = tuple(sorted(map(_shown, self._found)))
        asked = frozenset(map(_shown, self._asked & self._found))
        return ZoneNames(soa, names, asked, tuple(sorted(map(_shown, self._wildcards))), self.lines)


_FAMILIES = {b"A": AF_INET, b"AAAA": AF_INET6}
_LOOKED_AT = frozenset({b"CNAME", b"SRV", b"NS", b"DNAME", b"SOA"})
_LOOKED_AT_WITH_ADDRESSES = _LOOKED_AT | _FAMILIES.keys()


def _owner(file: MasterFile, row: Row) -> bytes:
    """The owner, in full, of the record that a row completes; b"" if there is none, or it is as before."""
    owner, _, kind, _, other = row
    if file.depth or kind in NO_TYPES:
        record = file.feed(line_of(row)) if other or kind or file.depth else None
        return b"" if record is None else record.owner
    if not owner:
        return b""
    file.owner = owner
    return file.name(owner)


def _member(record: Record, number: int) -> bytes:
    """One member of the data of a record, whose last it is."""
    if len(record.data) != number + 1:
        raise ZoneFileError(f"a malformed record of type {record.kind.decode()}")
    return record.data[number]


def _shown(name: bytes) -> str:
    return name[:-1].decode("ascii")
