"""Every key of the configuration, with the parser of its value. reference.toml explains each key."""

from __future__ import annotations

from collections.abc import Mapping

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
}

WEB: Mapping[str, KeySpec] = {
    "listen": Values(values.listen, may_be_empty=True),
    "telemetry_path": Value(values.telemetry_path),
    "hosts": Values(values.domain_glob, may_be_empty=True),
    "enable_reload": Value(scalars.boolean),
}

JOURNAL: Mapping[str, KeySpec] = {"enabled": Value(scalars.boolean)}

DOMAIN: Mapping[str, KeySpec] = {
    "name": Value(values.name),
    "ports": Values(values.port),
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
    "domain": Sections(
        DOMAIN,
        required=("name",),
        unsupported={"unit": "which unit serves a domain is not checked yet"},
    ),
    "acknowledge": Sections(ACKNOWLEDGE, required=("until", "reason")),
    "dns": Section(DNS),
    "web": Section(WEB, unsupported={"config_file": NO_TLS}),
    "journal": Section(JOURNAL),
}

APPENDING = frozenset({"domains", "expect", "domains_from", "domain", "acknowledge"})
"""Keys to which a later file adds. It overrides all other keys, key by key within a [table]."""
