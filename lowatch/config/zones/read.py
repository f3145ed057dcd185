"""Reads the files of all [[zones]], and adds the names in them that lead to this host.

A file that cannot be read, or that is damaged, is a problem, and the names that it had are kept.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, NamedTuple

from lowatch.config.domain_names import parse_domain
from lowatch.config.errors import ConfigError, shortened
from lowatch.config.settings import Config, ZoneFile
from lowatch.core.addresses import Prefix
from lowatch.core.limits.zones import ZONE_FILE_BYTES, ZONE_NAMES
from lowatch.core.name_sources import NameSource
from lowatch.core.policy import DomainSpec, spec_of
from lowatch.core.printable import printable
from lowatch.files.fingerprint import ABSENT, UNREAD, Fingerprint, fingerprint
from lowatch.files.regular_file import RefusedFileError, open_regular

from .destinations import Destinations
from .leading import Soa, ZoneNames, leading_names
from .owner_names import ZoneFileError


class ReadZone(NamedTuple):
    """What is known of a zone file.

    stamp: from just before it was last read; UNREAD if the system did not let it be read. soa: None if it
    could never be read. names: those that lead to this host, or may do so. wildcards: those that do.
    lines: in the file. problem: one line, without the file; "" if there is none. expiry: the same, about
    what the zone's server says. read_for: what was local to this host when the file was read.
    """

    file: Path
    stamp: Fingerprint = ABSENT
    soa: Soa | None = None
    names: tuple[str, ...] = ()
    wildcards: tuple[str, ...] = ()
    lines: int = 0
    problem: str = ""
    expiry: str = ""
    read_for: frozenset[Prefix] = frozenset()


ReadZones = tuple[ReadZone, ...]


def read_zones(
    zones: Iterable[ZoneFile], prefixes: Collection[Prefix], before: Sequence[ReadZone] = ()
) -> ReadZones:
    """What is in the files now. Blocks for two seconds per million records.

    prefixes: what is local to this host. before: the previous reading, for the names of files that cannot
    be read.
    """
    destinations, known = Destinations(prefixes), {one.file: one for one in before}
    read_for = frozenset(prefixes)
    found = (_read(zone.path, destinations, known.get(zone.path)) for zone in zones)
    return tuple(zone._replace(read_for=read_for) for zone in found)


def _read(file: Path, destinations: Destinations, before: ReadZone | None) -> ReadZone:
    stamp = fingerprint(file)
    try:
        with open_regular(file, ZONE_FILE_BYTES) as stream:
            found = _names_in(stream, destinations)
    except RefusedFileError as error:
        problem = f"is {error.strerror}"
    except FileNotFoundError:
        problem = "no such file"
    except OSError as error:
        stamp = UNREAD
        problem = f"cannot be read: {error.strerror}"
    except ZoneFileError as error:
        problem = str(error)
    else:
        names, problem = _followable(found.names)
        return ReadZone(file, stamp, found.soa, names, found.wildcards, found.lines, problem)
    if before is None or (before.soa is None and not before.names):
        return ReadZone(file, stamp, problem=problem)
    kept = f"{problem}; keeping its names ({len(before.names):,})"
    return before._replace(stamp=stamp, problem=kept)


def _names_in(stream: BinaryIO, destinations: Destinations) -> ZoneNames:
    """Raises OSError, and ZoneFileError also for a file that was written to meanwhile."""
    written = _written(stream)
    found = leading_names(stream, destinations)
    if _written(stream) != written:
        raise ZoneFileError("was written to while it was read")
    return found


def _written(stream: BinaryIO) -> tuple[int, int]:
    """What changes when a file is written to. That it is replaced meanwhile does no harm."""
    status = os.fstat(stream.fileno())
    return status.st_size, status.st_mtime_ns


def _followable(names: Iterable[str]) -> tuple[tuple[str, ...], str]:
    """The names that DNS clients use, and what to say of the others."""
    good, bad = [], []
    for name in names:
        try:
            good.append(parse_domain(name))
        except ValueError:
            bad.append(name)
    if not bad:
        return tuple(good), ""
    some = f"{len(bad):,}, such as {printable(bad[0])}"
    return tuple(good), f"names that lead here and cannot be followed: {some}"


def _spec(name: str, config: Config) -> DomainSpec:
    """What a zone's name should serve. Only SRV records tell the ports; any others are a guess."""
    spec = spec_of(name, config.ports)
    return spec._replace(guessed=bool(spec.ports))


def with_zones(config: Config, zones: Sequence[ReadZone]) -> Config:
    """The configuration with the names of its zones. One that is configured stays what it is."""
    if not zones:
        return config
    names = dict.fromkeys(name for zone in zones for name in zone.names)
    problems = [
        ConfigError(zone.file, None, "", shortened(text))
        for zone in zones
        for text in (zone.problem, zone.expiry)
        if text
    ]
    if len(names) > ZONE_NAMES.value:
        ZONE_NAMES.reached()
        message = f"more than {ZONE_NAMES.value:,} names of all zones lead here"
        problems.append(ConfigError(zones[0].file, None, "", message))
        names = dict.fromkeys(list(names)[: ZONE_NAMES.value])
    specs = {name: _spec(name, config) for name in names}
    policy = config.policy.with_learned(specs, dict.fromkeys(names, NameSource.ZONE))
    return replace(
        config,
        policy=replace(policy, searched=True, left_out=policy.left_out or bool(problems)),
        zone_problems=tuple(problems),
    )
