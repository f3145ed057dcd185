"""The addresses that a shell command adds: `ip address add`, `ip route add local`, `ifconfig`."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from itertools import pairwise
from posixpath import basename
from typing import NamedTuple

from .text import Written, written

_OPTIONS_WITH_VALUE = frozenset({"-f", "-family", "-l", "-loops", "-rc", "-rcvbuf"})
_OTHER_NAMESPACE = frozenset({"-n", "-netns", "-b", "-batch", "-a", "-all"})
_ADDING = ("add", "change", "chg", "replace", "append", "prepend")
_SEPARATORS = frozenset(";|&()")


class Added(NamedTuple):
    """written: None where the command adds an address that is a variable, or cannot be read."""

    written: Written | None
    interface: str | None
    is_route: bool = False


def added(command: str, interface: str) -> Iterator[Added]:
    """What a shell command line adds. interface: what $IFACE stands for."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars=";|&()")
    lexer.commenters = "#"
    lexer.whitespace_split = True
    words: list[str] = []
    try:
        tokens = list(lexer)
    except ValueError:  # a quote without its end
        return
    for token in [*tokens, ";"]:
        if token and set(token) <= _SEPARATORS:
            yield from _of_command(words, interface)
            words = []
        else:
            words.append(interface if token in ("$IFACE", "${IFACE}") else token)


def _of_command(words: list[str], interface: str) -> Iterator[Added]:
    while words and (words[0] in ("sudo", "exec", "!") or "=" in words[0]):
        words = words[1:]
    if not words:
        return
    name, arguments = basename(words[0]), words[1:]
    if name == "ip":
        yield from _ip(arguments)
    elif name == "ifconfig":
        yield from _ifconfig(arguments, interface)


def _ip(words: list[str]) -> Iterator[Added]:
    while words and words[0].startswith("-"):
        option = words[0].replace("--", "-", 1)
        if option in _OTHER_NAMESPACE:
            return
        words = words[2:] if option in _OPTIONS_WITH_VALUE else words[1:]
    if len(words) < 3 or not any(verb.startswith(words[1]) for verb in _ADDING):
        return
    if "address".startswith(words[0]):
        yield _address(words[2:])
    elif "route".startswith(words[0]) and words[2] == "local":
        yield Added(written(words[3]) if len(words) > 3 else None, _after("dev", words[3:]), is_route=True)


def _address(words: list[str]) -> Added:
    text = _after("local", words)
    if text is None:
        text = words[0]
    peer = _after("peer", words)
    address = written(text)
    if address is not None and peer is not None and "/" in peer and address.length is None:
        address = written(text, peer.rpartition("/")[2])
    return Added(address, _after("dev", words))


def _ifconfig(words: list[str], interface: str) -> Iterator[Added]:
    """`ifconfig lo:0 192.0.2.1 netmask 255.255.255.255`, `ifconfig lo add 2001:db8::1/128`."""
    words = [word for word in words if word not in ("inet", "inet6", "-v")]
    if len(words) < 2:
        return
    name = words[0].partition(":")[0] or interface
    if words[1] == "add":
        yield Added(written(words[2]) if len(words) > 2 else None, name)
        return
    address = written(words[1], _after("netmask", words))
    if address is not None or words[1].startswith("$"):
        yield Added(address, name)


def _after(keyword: str, words: list[str]) -> str | None:
    """The word after a keyword."""
    for word, following in pairwise(words):
        if word == keyword:
            return following
    return None
