"""Names of network namespaces, and commands that run inside one. "" is lowatch's own namespace.

A name is one of ip-netns(8), or the path of a namespace file, which has a slash, as in iproute2
(netns_get_fd() in lib/namespace.c).
"""

from __future__ import annotations

from .printable import printable, shell_word

_DIRECTORIES = ("/run/netns/", "/var/run/netns/")
_ELSEWHERE = ("systemctl ",)
"""Commands that do the same in each network namespace."""


def parse_netns(text: str) -> str:
    """The name. A path that ip-netns(8) has a name for becomes that name. Raises ValueError."""
    directory, slash, name = text.rpartition("/")
    if not name or name in (".", "..") or not text.isprintable():
        raise ValueError(f"{printable(repr(text))} is not the name of a network namespace, nor its path")
    return name if directory + slash in _DIRECTORIES else text


def netns_path(name: str) -> str:
    """Its file."""
    return name if "/" in name else f"{_DIRECTORIES[0]}{name}"


def daemon_of(name: str) -> str:
    """The name of the daemon's unit and directories: lowatch@blue. A path has none of its own."""
    return f"lowatch@{name}" if name and "/" not in name else "lowatch"


def inside(name: str, line: str) -> str:
    """A line for a shell, of commands joined by `&&`, that does the same in a network namespace."""
    if not name:
        return line
    return " && ".join(_inside(name, command) for command in line.split(" && "))


def _inside(name: str, command: str) -> str:
    if command.startswith(_ELSEWHERE):
        return command
    if "/" in name:
        return f"nsenter {shell_word(f'--net={name}')} {command}"
    if command.startswith("ip "):
        return f"ip -n {shell_word(name)} {command.removeprefix('ip ')}"
    return f"ip netns exec {shell_word(name)} {command}"
