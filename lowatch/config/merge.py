"""Merging the tables of all files into one Config, and the mistakes that only show between keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from glob import escape
from pathlib import Path
from typing import Any, NamedTuple

from lowatch.core.policy import Acknowledgement, DomainTable, Policy

from .durations import format_duration
from .errors import ConfigError
from .mentions import (
    Mention,
    merge_mentions,
)
from .schema import APPENDING, MATCHERS
from .settings import Config, DnsSettings, DomainsFrom, WebSettings
from .table_reader import Place, Table
from .targets import (
    refuse_service_ports,
)


class _Setting(NamedTuple):
    """The value that stands in the end, and the place that set it."""

    value: Any
    place: Place


class _Merged:
    """settings: by dotted key. lists: of the keys that append."""

    def __init__(self, tables: Iterable[Table]) -> None:
        self.settings: dict[str, _Setting] = {}
        self.lists: dict[str, list[Any]] = {key: [] for key in APPENDING}
        for table in tables:
            self._add(table, "")

    def _add(self, table: Table, prefix: str) -> None:
        for key, value in table.values.items():
            if isinstance(value, Table):
                self._add(value, f"{key}.")
            elif not prefix and key in APPENDING:
                self.lists[key] += value
            else:
                self.settings[prefix + key] = _Setting(value, table.place / key)

    def section(self, name: str) -> dict[str, Any]:
        """The values of one [table], by their keys in it; "" for the top of the file."""
        prefix = f"{name}." if name else ""
        return {
            key.removeprefix(prefix): setting.value
            for key, setting in self.settings.items()
            if key.rpartition(".")[0] == name
        }


def effective(tables: Iterable[Table], errors: list[ConfigError], wall: float | None = None) -> Config:
    """One configuration of all files; appends to `errors` where they contradict each other.

    With errors, earlier ones included, the result is no more than a means to find further ones.
    """
    merged = _Merged(tables)
    top = merged.section("")
    ports = top.pop("ports", Config().ports)
    domains = merge_mentions(_mentions(merged, errors), ports)
    domains_from = tuple(map(_domains_from, merged.lists["domains_from"]))
    policy = Policy(
        domains=domains,
        expect=tuple(dict.fromkeys(merged.lists["expect"])),
        ports=frozenset(ports),
        acknowledgements=tuple(_acknowledgements(merged.lists["acknowledge"], errors)),
        **top,
    )
    return Config(
        policy=policy,
        dns=_dns(merged, errors),
        web=WebSettings(**merged.section("web")),
        journal_enabled=merged.section("journal").get("enabled", True),
        ports=ports,
        named=domains if domains_from else DomainTable(),
        domains_from=domains_from,
        hints=() if wall is None else tuple(_expired(merged.lists["acknowledge"], wall)),
    )


def _domains_from(table: Table) -> DomainsFrom:
    place = table.place / "path"
    document = place.document
    beside = escape(str(document.path.absolute().parent))
    path = Path(beside) / table.values["path"]
    return DomainsFrom(str(path), document.path, document.line(place.path), place.key)


def _mentions(merged: _Merged, errors: list[ConfigError]) -> Iterator[Mention]:
    for target in merged.lists["domains"]:
        yield Mention(target.name, () if target.port is None else (target.port,))
    for table in merged.lists["domain"]:
        mention = Mention(**table.values)
        if mention.ports:
            try:
                refuse_service_ports(mention.name)
            except ValueError as error:
                errors.append((table.place / "ports").error(str(error)))
        yield mention


def _acknowledgements(tables: Iterable[Table], errors: list[ConfigError]) -> Iterator[Acknowledgement]:
    for table in tables:
        if table.given <= {"until", "reason"}:
            message = f"would match every finding (give one at least of {', '.join(MATCHERS)})"
            errors.append(table.place.error(message))
        yield Acknowledgement(**table.values)


def _expired(tables: Iterable[Table], wall: float) -> Iterator[ConfigError]:
    for table in tables:
        if table.values["until"] <= wall:
            last = datetime.fromtimestamp(table.values["until"] - 1).astimezone().date()
            message = f"expired on {last} and has no effect; remove it, or set another date"
            yield table.place.error(message)


def _dns(merged: _Merged, errors: list[ConfigError]) -> DnsSettings:
    dns = DnsSettings(**merged.section("dns"))
    limits = ("dns.min_ttl", "dns.max_ttl")
    places = [merged.settings[key].place for key in limits if key in merged.settings]
    if dns.min_ttl > dns.max_ttl and not any(error.key in limits for error in errors):
        low, high = format_duration(dns.min_ttl), format_duration(dns.max_ttl)
        errors.append(places[-1].error(f"min_ttl {low} is longer than max_ttl {high}"))
    return dns
