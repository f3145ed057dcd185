"""Reads the files of all programs."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from lowatch.core.boot import BootFiles, Configured
from lowatch.core.limits.boot import BOOT_ADDRESSES

from . import (
    anycast_healthchecker,
    bird,
    cloud_init,
    exabgp,
    frr,
    ifcfg,
    ifupdown,
    keepalived,
    netplan,
    networkd,
    networkmanager,
)
from .source import Source, TooMuchError

READERS = (
    ifupdown.read,
    netplan.read,
    networkd.read,
    networkmanager.read,
    ifcfg.read,
    keepalived.read,
    frr.read,
    exabgp.read,
    anycast_healthchecker.read,
    bird.read,
    cloud_init.read,
)


def read_boot_files(root: Path = Path("/")) -> BootFiles:
    """What the files of this host say about addresses. It blocks. root: in place of /, for tests."""
    source = Source(root)
    entries: list[Configured] = []
    for read in READERS:
        source.next_program()
        with suppress(TooMuchError):
            for entry in read(source):
                if len(entries) >= BOOT_ADDRESSES.value:
                    source.over(BOOT_ADDRESSES, entry.file, entry.line)
                    break
                entries.append(entry)
    return BootFiles(tuple(entries), tuple(source.unread), source.files)
