"""The names that this host gives to the numbers of those who add addresses and routes (iproute2's tables).

A number is a byte: IFA_PROTO of an address, rtm_protocol of a route. iproute2 reads the file in /etc or,
where there is none, the one in /usr; then each *.conf of the directory beside it (lib/rt_names.c).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from lowatch.core.limits.files import PROTOCOL_NAMES_BYTES, PROTOCOL_NAMES_FILES
from lowatch.files.regular_file import read_regular

_DIRECTORIES = (Path("/usr/lib/iproute2"), Path("/usr/share/iproute2"), Path("/etc/iproute2"))
_ADDRESS_PROTOCOLS = {1: "kernel", 2: "ra", 3: "link-local"}  # IFAPROT_*
_ROUTE_PROTOCOLS = {1: "redirect", 2: "kernel", 3: "boot", 4: "static"}  # RTPROT_*


def address_origin(number: int) -> str:
    """Who added an address: "kernel", "ra", "keepalived", "proto 99"...

    keepalived gives its number of rt_protos, so those names count where rt_addrprotos has none.
    """
    names = _ADDRESS_PROTOCOLS.get(number) or _table("rt_addrprotos").get(number)
    return names or _table("rt_protos").get(number) or f"proto {number}"


def route_origin(number: int) -> str:
    """Who added a route: "kernel", "static", "bird", "proto 66"..."""
    return _ROUTE_PROTOCOLS.get(number) or _table("rt_protos").get(number) or f"proto {number}"


def read_protocol_names() -> None:
    """Read the tables now, once for this process, rather than when the first number is to be named."""
    _table("rt_addrprotos")
    _table("rt_protos")


@cache
def _table(name: str) -> dict[int, str]:
    return read_table(name, _DIRECTORIES)


def read_table(name: str, directories: tuple[Path, ...]) -> dict[int, str]:
    """The name of each number. directories: the most important last. An unreadable file names nothing."""
    mains = [read for directory in directories if (read := _content(directory / name)) is not None]
    names = parse_table(mains[-1]) if mains else {}
    fragments: dict[str, Path] = {}
    for directory in directories:
        fragments |= {path.name: path for path in _fragments(directory / f"{name}.d")}
    for path in list(fragments.values())[: PROTOCOL_NAMES_FILES.value]:
        names |= parse_table(_content(path) or b"")
    if len(fragments) > PROTOCOL_NAMES_FILES.value:
        PROTOCOL_NAMES_FILES.reached()
    return names


def parse_table(content: bytes) -> dict[int, str]:
    """The name of each number. A line is a number, decimal or 0x, and a name; # starts a comment."""
    names = {}
    for line in content.decode("utf-8", "replace").splitlines():
        words = line.partition("#")[0].split()
        if len(words) != 2:
            continue
        try:
            number = int(words[0], 16 if words[0].lower().startswith("0x") else 10)
        except ValueError:
            continue
        if 0 <= number <= 255:
            names[number] = words[1]
    return names


def _fragments(directory: Path) -> list[Path]:
    try:
        paths = sorted(directory.iterdir())
    except OSError:
        return []
    return [path for path in paths if path.suffix == ".conf" and not path.name.startswith(".")]


def _content(path: Path) -> bytes | None:
    try:
        return read_regular(path, PROTOCOL_NAMES_BYTES)
    except OSError:
        return None
