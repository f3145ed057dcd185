"""Domains as one place names them, merged into the table of what is checked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from lowatch.core.addresses import Port
from lowatch.core.policy import DomainSpec, DomainTable, is_service_name, spec_of

from .settings import Config
from .sources import Sources
from .targets import DomainTarget


class Mention(NamedTuple):
    """One place that names a domain. ports: its own, () where the default ones apply."""

    name: str
    ports: tuple[Port, ...] = ()


def merge_mentions(
    mentions: Iterable[Mention], default_ports: tuple[Port, ...], onto: DomainTable | None = None
) -> DomainTable:
    """One Domain for each name, with all ports that any mention requires, in the order given.

    A domain that nobody gave ports of its own has the default ones, any of which will do.
    onto: what was said before; it stays as it is.
    """
    specs = {} if onto is None else dict(onto.specs)
    shared: dict[tuple[bool, tuple[Port, ...]], DomainSpec] = {}
    for name, also in mentions:
        before = specs.get(name)
        ports = also
        if len(also) > 1 or before is not None:
            own = () if before is None or before.any_of else before.ports
            ports = tuple(dict.fromkeys(own + also))
        kind = (is_service_name(name), ports)
        spec = shared.get(kind)
        if spec is None:
            spec = shared[kind] = spec_of(name, default_ports, ports)
        specs[name] = spec
    return DomainTable(specs)


def with_targets(config: Config, targets: Iterable[DomainTarget]) -> Config:
    """The configuration with these domains in place of its own, those from files included."""
    mentions = (Mention(target.name, () if target.port is None else (target.port,)) for target in targets)
    domains = merge_mentions(mentions, config.ports)
    return replace(
        config,
        policy=config.policy.narrowed_to(domains),
        named=DomainTable(),
        domains_from=(),
        problems=(),
        unread=(),
        sources=Sources(),
    )
