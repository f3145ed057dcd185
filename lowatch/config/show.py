"""Renders a configuration as TOML, which loads as an equal configuration."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import fields
from datetime import UTC, date, datetime

from lowatch.core.addresses import format_address
from lowatch.core.policy import Acknowledgement, Domain, VictimsPolicy

from .durations import format_duration
from .settings import Config, DnsSettings, DomainsFrom, NamesSettings, WebSettings, ZoneFile


def render(config: Config) -> str:
    """The effective configuration: every key with its value, including defaults.

    Names from files are only counted, because there may be 100,000.
    """
    domains = config.named if config.domains_from else config.policy.domains
    parts = [
        _top(config, domains.values()),
        *(_domain(domain) for domain in domains.values() if domain.unit),
        *map(_domains_from, config.domains_from),
        *map(_zone, config.zones),
        *map(acknowledgement_lines, config.policy.acknowledgements),
        _dns(config.dns),
        _table("names", config.names),
        _table("victims", config.policy.victims),
        _table("web", config.web),
        ["[journal]", f"enabled = {_boolean(config.journal_enabled)}"],
    ]
    return "\n\n".join("\n".join(lines) for lines in parts) + "\n"


def _top(config: Config, domains: Iterable[Domain]) -> list[str]:
    policy = config.policy
    return [
        f"interfaces = {_array(policy.interfaces)}",
        f"ports = {_array(config.ports)}",
        f"hold = {_string(format_duration(policy.hold))}",
        f"domains = {_array(_mentions(domains))}",
        f"expect = {_array(map(format_address, policy.expect))}",
        f"probe = {_string('confirm' if policy.probe else 'off')}",
    ]


def _domain(domain: Domain) -> list[str]:
    ports = [] if domain.any_of or domain.is_srv else [f"ports = {_array(map(str, domain.ports))}"]
    return ["[[domain]]", f"name = {_string(domain.name)}", *ports, f"unit = {_string(domain.unit)}"]


def _domains_from(entry: DomainsFrom) -> list[str]:
    return [
        "[[domains_from]]",
        f"path = {_string(entry.path)}",
        f"# {counted(entry.domains, 'domain')} in {counted(entry.files, 'file')}",
    ]


def _zone(zone: ZoneFile) -> list[str]:
    server = [] if zone.server is None else [f"server = {_string(zone.server)}"]
    return ["[[zones]]", f"file = {_string(zone.path)}", *server]


def counted(number: int, noun: str) -> str:
    """For example "1 file" or "2 files"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _mentions(domains: Iterable[Domain]) -> Iterator[str]:
    for domain in domains:
        if domain.unit:
            continue  # it has a table of its own
        if domain.any_of or domain.is_srv:
            yield domain.name
        else:
            yield from (f"{domain.name}:{port}" for port in domain.ports)


def acknowledgement_lines(acknowledgement: Acknowledgement, until: date | None = None) -> list[str]:
    """An [[acknowledge]]. until: as it was written; None for the same moment in UTC."""
    until = until or datetime.fromtimestamp(acknowledgement.until, UTC)
    return [
        "[[acknowledge]]",
        *(f"{key} = {_string(value)}" for key, value in acknowledgement.matchers.items()),
        f"until = {until.isoformat()}",
        f"reason = {_string(acknowledgement.reason)}",
    ]


def _dns(dns: DnsSettings) -> list[str]:
    lines = _table("dns", dns)
    if dns.nameservers is None:
        lines[1:1] = ["# nameservers: those of /etc/resolv.conf"]
    return lines


def _table(name: str, settings: DnsSettings | NamesSettings | WebSettings | VictimsPolicy) -> list[str]:
    """A [table] whose keys are the fields of a settings class. A value of None has no line."""
    values = ((field.name, getattr(settings, field.name)) for field in fields(settings))
    return [f"[{name}]", *(f"{key} = {_value(value)}" for key, value in values if value is not None)]


def _value(value: object) -> str:
    """The value of a setting as TOML. A float is a duration in seconds."""
    match value:
        case bool():
            return _boolean(value)
        case int():
            return str(value)
        case float():
            return _string(format_duration(value))
        case tuple():
            return _array(value)
        case _:
            return _string(value)


def _array(values: Iterable[object]) -> str:
    """An array on one line, or with one line per element if it is long."""
    texts = [_string(value) for value in values]
    line = f"[{', '.join(texts)}]"
    if len(line) <= 80:
        return line
    return "\n".join(["[", *(f"    {text}," for text in texts), "]"])


def _string(value: object) -> str:
    """A TOML basic string (TOML 1.0, "String"): JSON's, with all unprintable characters escaped too."""
    text = json.dumps(str(value), ensure_ascii=False)
    return text if text.isprintable() else "".join(c if c.isprintable() else _escape(c) for c in text)


def _escape(character: str) -> str:
    number = ord(character)
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"


def _boolean(value: bool) -> str:
    return "true" if value else "false"
