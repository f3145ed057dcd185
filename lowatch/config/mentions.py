"""Merges all mentions of domains into the table of domains to check."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from lowatch.core.addresses import Port
from lowatch.core.policy import DomainSpec, DomainTable, is_srv_name, spec_of

from .settings import Config
from .sources import Sources
from .targets import DomainTarget


class Mention(NamedTuple):
    """A domain named in one place.

    ports: its own ports, or () for the default ones. unit: who must serve them; "" if it is not said.
    """

    name: str
    ports: tuple[Port, ...] = ()
    unit: str = ""


def merge_mentions(
    mentions: Iterable[Mention], default_ports: tuple[Port, ...], onto: DomainTable | None = None
) -> DomainTable:
    """One domain per name, with the ports of all its mentions, in their order.

    A domain without ports of its own gets the default ones, of which one is enough. The last unit counts.
    onto: earlier domains to add to; it is not changed.
    """
    specs = {} if onto is None else dict(onto.specs)
    shared: dict[tuple[bool, tuple[Port, ...], str], DomainSpec] = {}
    for name, added, named in mentions:
        before = specs.get(name)
        ports, unit = added, named
        if len(added) > 1 or before is not None:
            own = () if before is None or before.any_of else before.ports
            ports = tuple(dict.fromkeys(own + added))
            unit = named or ("" if before is None else before.unit)
        key = (is_srv_name(name), ports, unit)
        spec = shared.get(key)
        if spec is None:
            spec = shared[key] = spec_of(name, default_ports, ports, unit)
        specs[name] = spec
    return DomainTable(specs)


def with_targets(config: Config, targets: Iterable[DomainTarget]) -> Config:
    """The configuration with these domains in place of all its own, including those from files.

    A domain that is configured as well keeps its unit.
    """
    known = config.policy.domains
    mentions = (
        Mention(
            target.name,
            () if target.port is None else (target.port,),
            known[target.name].unit if target.name in known else "",
        )
        for target in targets
    )
    domains = merge_mentions(mentions, config.ports)
    return replace(
        config,
        policy=config.policy.narrowed_to(domains),
        named=DomainTable(),
        domains_from=(),
        problems=(),
        unread=(),
        sources=Sources(),
        zones=(),
        zone_problems=(),
    )
