"""The limits of the files that configure addresses at boot."""

from __future__ import annotations

from .limit import Limit

BOOT_FILE_BYTES = Limit(
    "boot_file_bytes",
    4 << 20,
    "bytes of a file that configures addresses",
    "the file is not read, which the report says",
    "100,000 addresses, a line each",
)
BOOT_YAML_BYTES = Limit(
    "boot_yaml_bytes",
    256 << 10,
    "bytes of a YAML file that configures addresses (netplan, cloud-init)",
    "the file is not read, which the report says",
    "5,000 addresses; reading takes a second",
)
BOOT_YAML_VALUES = Limit(
    "boot_yaml_values",
    100_000,
    "values in a YAML file that configures addresses, once its aliases are expanded",
    "the file is not read, which the report says",
    "5,000 addresses with their options; aliases of aliases grow without bound",
)
BOOT_LINE_BYTES = Limit(
    "boot_line_bytes",
    4096,
    "characters of a line of a file that configures addresses, with those that continue it",
    "the line is ignored, which the report says",
    "200 addresses; words of a shell line take quadratic time",
)
BOOT_UNREAD = Limit(
    "boot_unread",
    1_000,
    "files and lines that could not be read or understood, of files that configure addresses",
    "the rest of the program's files is not read",
    "more are never read; they are not what they should be",
)
BOOT_FILES = Limit(
    "boot_files",
    1_000,
    "files that configure addresses, of all programs",
    "the others are not read, which the report says",
    "one for each interface of a large router",
)
BOOT_BYTES = Limit(
    "boot_bytes",
    16 << 20,
    "bytes of all files that configure addresses",
    "the others are not read, which the report says",
    "400,000 addresses; reading takes some seconds",
)
BOOT_NAMES = Limit(
    "boot_names",
    20_000,
    "names of the directories of files that configure addresses",
    "the others are not looked at, which the report says",
    "patterns like /*/*/* in a file would list the whole disk",
)
BOOT_ADDRESSES = Limit(
    "boot_addresses",
    100_000,
    "addresses in files that configure addresses",
    "the others are ignored, which the report says",
    "300 bytes each; no host has as many",
)
