"""The limits of zone files."""

from __future__ import annotations

from .limit import Limit

ZONE_FILES = Limit(
    "zone_files",
    64,
    "zone files",
    "the configuration is refused",
    "each is watched individually; hosts have a few",
)
ZONE_FILE_BYTES = Limit(
    "zone_file_bytes",
    1 << 30,
    "bytes of a zone file",
    "the file is refused, its previous names are kept",
    "ten million records of 100 bytes",
)
ZONE_LINES = Limit(
    "zone_lines",
    10_000_000,
    "lines of a zone file",
    "the file is refused, its previous names are kept",
    "as many records; 25 s of CPU in a thread, which then rests for four minutes",
)
ZONE_RECORD_BYTES = Limit(
    "zone_record_bytes",
    512 << 10,
    "bytes of one line or one record of a zone file",
    "the file is refused, its previous names are kept",
    "the longest record has 64 KiB, each written with up to four characters",
)
ZONE_CUTS = Limit(
    "zone_cuts",
    100_000,
    "delegations, wildcards and DNAMEs of a zone",
    "the file is refused, its previous names are kept",
    "each is kept while the file is read; 150 bytes",
)
ZONE_NAMES = Limit(
    "zone_names",
    100_000,
    "names of all zones that lead here, or may do so",
    "the others are not followed, which is a problem",
    "each is followed by DNS; a host has a few hundred",
)
