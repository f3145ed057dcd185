"""Every key of the configuration, with the parser of its value. reference.toml explains each key."""

from __future__ import annotations

from collections.abc import Mapping

from lowatch.core.name_sources import LEARNABLE

from . import scalars, values
from .table_reader import KeySpec, Section, Sections, Value, Values

NO_TLS = "TLS and passwords are not supported yet"
"""Why web.config_file and --web.config.file are refused."""

DNS: Mapping[str, KeySpec] = {
    "nameservers": Values(values.nameserver),
    "timeout": Value(scalars.duration()),
    "max_qps": Value(scalars.integer(1, 1_000_000)),
    "min_ttl": Value(scalars.duration()),
    "max_ttl": Value(scalars.duration()),
    "unknown_after": Value(scalars.duration()),
    "far_ttl": Value(scalars.duration(zero=True)),
}

WEB: Mapping[str, KeySpec] = {
    "listen": Values(values.listen, may_be_empty=True),
    "telemetry_path": Value(values.telemetry_path),
    "hosts": Values(values.domain_glob, may_be_empty=True),
    "enable_reload": Value(scalars.boolean),
}

NAMES: Mapping[str, KeySpec] = {
    "learn": Values(scalars.one_of({one.value: one for one in LEARNABLE}), may_be_empty=True),
    "forget_after": Value(scalars.duration()),
}

VICTIMS: Mapping[str, KeySpec] = {
    "at_least": Value(scalars.integer(1, 1_000)),
    "within": Value(scalars.duration()),
}

ZONES: Mapping[str, KeySpec] = {
    "file": Value(values.zone_path),
    "server": Value(values.zone_server),
}

JOURNAL: Mapping[str, KeySpec] = {"enabled": Value(scalars.boolean)}

DOMAIN: Mapping[str, KeySpec] = {
    "name": Value(values.name),
    "ports": Values(values.port),
    "unit": Value(values.unit),
}

MATCHERS: Mapping[str, KeySpec] = {
    "kind": Value(values.kind),
    "interface": Value(values.interface_glob),
    "address": Value(values.prefix),
    "domain": Value(values.domain_glob),
    "port": Value(values.port),
}
"""The keys by which an acknowledgement matches findings."""

ACKNOWLEDGE: Mapping[str, KeySpec] = {
    **MATCHERS,
    "until": Value(values.until),
    "reason": Value(values.reason),
}

SCHEMA: Mapping[str, KeySpec] = {
    "interfaces": Values(values.interface_glob),
    "ports": Values(values.port),
    "hold": Value(scalars.duration(zero=True)),
    "domains": Values(values.domain, may_be_empty=True),
    "expect": Values(values.address, may_be_empty=True),
    "probe": Value(scalars.one_of({"off": False, "confirm": True})),
    "domains_from": Sections({"path": Value(values.names_path)}, required=("path",)),
    "zones": Sections(ZONES, required=("file",)),
    "domain": Sections(DOMAIN, required=("name",)),
    "acknowledge": Sections(ACKNOWLEDGE, required=("until", "reason")),
    "dns": Section(DNS),
    "names": Section(NAMES),
    "web": Section(WEB, unsupported={"config_file": NO_TLS}),
    "journal": Section(JOURNAL),
    "victims": Section(VICTIMS),
}

UNSUPPORTED: Mapping[str, str] = {
    "netns": "each network namespace has a daemon of its own: systemctl enable --now lowatch@NAME"
}
"""Keys at the top that are refused, with the reason."""

APPENDING = frozenset({"domains", "expect", "domains_from", "zones", "domain", "acknowledge"})
"""Keys to which a later file adds. It overrides all other keys, key by key within a [table]."""
