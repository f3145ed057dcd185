"""The limits of the configuration and of files of names."""

from __future__ import annotations

from .limit import Limit

CONFIG_FILE_BYTES = Limit(
    "config_file_bytes",
    16 << 20,
    "bytes of a configuration file",
    "the file is refused",
    "room for 300,000 domains; parsing takes some 20 times as much memory",
)
CONFIG_FILES = Limit(
    "config_files",
    1_000,
    "files in lowatch.d",
    "the configuration is refused",
    "one for each role of a host, and one for each acknowledgement",
)
CONFIG_VALUES = Limit(
    "config_values",
    700_000,
    "values in a configuration file: its lines, commas, brackets and equals signs",
    "the file is refused",
    "300,000 domains, a line each; tomllib reads 100,000 values in a second",
)
CONFIG_KEY_PARTS = Limit(
    "config_key_parts",
    16,
    "parts of a dotted key",
    "the file is refused",
    "the longest valid one has two; tomllib takes quadratic time",
)
CONFIG_ERRORS = Limit(
    "config_errors",
    1_000,
    "errors of a configuration that are reported one by one",
    "the others are counted",
    "more are never read; a file can have 300,000",
)
NAMES = Limit(
    "names",
    500_000,
    "domains in all files of domains_from, repetitions included",
    "the rest of the file is refused, its previous domains are kept",
    "five times what the DNS engine is made for",
)
NAMES_LINES = Limit(
    "names_lines",
    1_000_000,
    "lines of a domain file, including empty ones and comments",
    "the rest of the file is refused, its previous domains are kept",
    "500,000 names with a comment each; 2 s",
)
NAMES_GROUP_BYTES = Limit(
    "names_group_bytes",
    4 << 20,
    "bytes of one group in a JSON domain file",
    "the rest of the file is refused, its previous domains are kept",
    "100,000 targets; parsing blocks the interpreter for 40 ms",
)
NAMES_BAD = Limit(
    "names_bad",
    100_000,
    "problems of one domain file",
    "the rest of the file is refused, its previous domains are kept",
    "it is not a file of names",
)
YAML_EVENTS = Limit(
    "yaml_events",
    4_000_000,
    "values, keys, lists and mappings in a YAML domain file, their ends included",
    "the rest of the file is refused, its previous domains are kept",
    "300,000 targets with their labels; 8 s",
)
NAMES_FILE_BYTES = Limit(
    "names_file_bytes",
    64 << 20,
    "bytes of a domain file",
    "the file is refused, its previous domains are kept",
    "300,000 targets with their labels",
)
NAMES_FILES = Limit(
    "names_files",
    10_000,
    "files of one pattern of domains_from",
    "the pattern is refused, its previous domains are kept",
    "each file is checked every few seconds; more is a pattern like /*/*/*",
)
NAMES_LINE_BYTES = Limit(
    "names_line_bytes",
    4096,
    "bytes of a line in a domain file, without comments",
    "the line is refused",
    "a name and 300 ports",
)
YAML_DEPTH = Limit(
    "yaml_depth",
    100,
    "levels of nesting in a YAML file",
    "a domain file is read up to there; one that configures addresses at boot is not read",
    "a file_sd file has four, netplan's fewer than ten",
)
NAMES_PROBLEMS = Limit(
    "names_problems",
    100,
    "problems of files of names that are reported one by one",
    "the others are counted",
    "more are never read; a file can have a million",
)
