"""cloud-init's network configuration, versions 1 and 2. It writes the files of other programs from it."""

from __future__ import annotations

from collections.abc import Iterator
from posixpath import join

from lowatch.core.boot import Configured, Effect

from .netplan import version_2
from .source import Source
from .text import written
from .yaml_nodes import Node, document, elements, line_of, member, scalar

BY = "cloud-init"
_DIRECTORY = "/etc/cloud/cloud.cfg.d"
_SEEDS = (
    "/var/lib/cloud/seed/nocloud/network-config",
    "/var/lib/cloud/seed/nocloud-net/network-config",
)
_NOTE = "which writes it to another program's file when the instance is new"


def read(source: Source) -> Iterator[Configured]:
    names = [name for name in source.directory(_DIRECTORY) if name.endswith(".cfg")]
    for file in ("/etc/cloud/cloud.cfg", *(join(_DIRECTORY, name) for name in names)):
        yield from _network(member(document(file, source), "network"), file, source)
    for file in _SEEDS:
        root = document(file, source)
        yield from _network(member(root, "network") or root, file, source)


def _network(network: Node | None, file: str, source: Source) -> Iterator[Configured]:
    if scalar(member(network, "version")) == "2":
        yield from version_2(network, file, BY, _NOTE, source)
        return
    for device in elements(member(network, "config")):
        interface = scalar(member(device, "name"))
        for subnet in elements(member(device, "subnets")):
            node = member(subnet, "address")
            if node is None:
                continue
            text = scalar(node) or ""
            address = written(text, scalar(member(subnet, "netmask")))
            if address is None:
                source.cannot_read(file, f"{text or 'the value'} is not an address", line_of(node))
            else:
                yield Configured(*address, interface, file, line_of(node), BY, Effect.ADDS, _NOTE)
