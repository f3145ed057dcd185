"""netplan's YAML files (netplan(5)), and cloud-init's network configuration of the same form."""

from __future__ import annotations

from collections.abc import Iterator
from posixpath import join

from lowatch.core.boot import Configured, Effect

from .source import Source
from .text import written
from .yaml_nodes import Node, document, elements, items, line_of, member, scalar

BY = "netplan"
_DIRECTORIES = ("/run/netplan", "/etc/netplan", "/lib/netplan")
"""The most important first: of files with one name, only the first counts."""
_NO_INTERFACES = frozenset({"version", "renderer"})


def read(source: Source) -> Iterator[Configured]:
    files: dict[str, str] = {}
    for directory in _DIRECTORIES:
        for name in source.directory(directory):
            if name.endswith(".yaml") and not name.startswith("."):
                files.setdefault(name, join(directory, name))
    for _, file in sorted(files.items()):
        yield from version_2(member(document(file, source), "network"), file, BY, "", source)


def version_2(network: Node | None, file: str, by: str, note: str, source: Source) -> Iterator[Configured]:
    """The addresses of a mapping `network:`, whose kinds of interfaces are its members."""
    for kind, interfaces in items(network):
        if kind.value in _NO_INTERFACES:
            continue
        for key, settings in items(interfaces):
            name = str(key.value)
            interface = _interface(name, settings)
            why = note or ("" if interface else f"on the interfaces that {name} matches")
            for node, is_route in _addresses(settings):
                text = scalar(node) or ""
                address = written(text)
                if address is None:
                    source.cannot_read(file, f"{text or 'the value'} is not an address", line_of(node))
                    continue
                yield Configured(*address, interface, file, line_of(node), by, Effect.ADDS, why, is_route)


def _interface(name: str, settings: Node) -> str | None:
    """The interface that a name stands for: itself, unless `match` selects others."""
    if member(settings, "match") is None:
        return name
    renamed = scalar(member(settings, "set-name"))
    matched = scalar(member(settings, "match", "name"))
    if renamed is None and matched is not None and set(matched) & set("*?["):
        return None
    return renamed or matched


def _addresses(settings: Node) -> Iterator[tuple[Node, bool]]:
    """The nodes of addresses, and of the destinations of local routes (True)."""
    for entry in elements(member(settings, "addresses")):
        if scalar(entry) is not None:
            yield entry, False
        yield from ((key, False) for key, _ in items(entry))  # {192.0.2.10/32: {label: ...}}
    for route in elements(member(settings, "routes")):
        to = member(route, "to")
        if to is not None and scalar(member(route, "type")) == "local":
            yield to, True
