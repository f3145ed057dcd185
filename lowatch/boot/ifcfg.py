"""ifcfg files: /etc/sysconfig/network-scripts of Red Hat, /etc/sysconfig/network of SUSE."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from posixpath import join

from lowatch.core.boot import Configured, Effect

from .source import Source
from .text import written

BY = "ifcfg"
_DIRECTORIES = ("/etc/sysconfig/network-scripts", "/etc/sysconfig/network")
_NO_CONFIGURATION = re.compile(r".*(~|\.bak|\.orig|\.old|\.rej|\.rpmnew|\.rpmorig|\.rpmsave|\.scpmbackup)")
_ASSIGNMENT = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)")
_ADDRESS = re.compile(r"IPADDR(_?[A-Za-z0-9_]*)|IPV6ADDR(?:_SECONDARIES)?")


def read(source: Source) -> Iterator[Configured]:
    for directory in _DIRECTORIES:
        for name in source.directory(directory):
            if name.startswith("ifcfg-") and not _NO_CONFIGURATION.fullmatch(name):
                yield from _file(join(directory, name), name.removeprefix("ifcfg-"), source)


def _file(file: str, suffix: str, source: Source) -> Iterator[Configured]:
    lines: dict[str, tuple[str, int]] = {}
    for number, line in enumerate(source.lines(file), 1):
        if (assignment := _ASSIGNMENT.fullmatch(line)) is not None:
            lines[assignment[1]] = _value(assignment[2]), number
    values = {key: value for key, (value, _) in lines.items()}
    interface = (values.get("DEVICE") or suffix).partition(":")[0]
    effect, note = Effect.ADDS, ""
    if values.get("ONBOOT", "yes").lower() in ("no", "false", "0"):
        effect, note = Effect.MAY_ADD, "not at boot: ONBOOT=no"
    elif values.get("STARTMODE", "auto").lower() in ("manual", "off"):
        effect, note = Effect.MAY_ADD, f"not at boot: STARTMODE={values['STARTMODE']}"
    for key, (value, number) in lines.items():
        if (kind := _ADDRESS.fullmatch(key)) is None:
            continue
        number_of = kind[1] or ""
        mask = values.get(f"PREFIX{number_of}") or values.get(f"PREFIXLEN{number_of}")
        mask = mask or values.get(f"NETMASK{number_of}")
        for text in value.split():
            address = written(text, mask if key.startswith("IPADDR") else None)
            if address is None:
                source.cannot_read(file, f"{text} is not an address", number)
            else:
                yield Configured(*address, interface, file, number, BY, effect, note)


def _value(text: str) -> str:
    """The value of a shell assignment, without quotes and comments."""
    try:
        words = shlex.split(text, comments=True)
    except ValueError:
        return text.strip()
    return words[0] if words else ""
