"""Loads the configuration: reads each file, merges them in order, and checks the result.

Loading has no side effects.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from glob import escape
from pathlib import Path
from typing import Any, NamedTuple

from lowatch.config.domains_from.read import read_names
from lowatch.core.limits.zones import ZONE_FILES
from lowatch.core.policy import Acknowledgement, DomainTable, Policy, VictimsPolicy

from .document import Document, drop_in_directory, drop_ins, read_document
from .durations import format_duration
from .errors import ConfigError, ConfigErrors
from .mentions import Mention, merge_mentions
from .schema import APPENDING, MATCHERS, SCHEMA, UNSUPPORTED
from .settings import Config, DnsSettings, DomainsFrom, NamesSettings, WebSettings, ZoneFile
from .table_reader import KeyLocation, Table, TableReader
from .targets import refuse_srv_ports

DEFAULT_PATH = Path("/etc/lowatch/lowatch.toml")


def load(path: Path | None = None, wall: float | None = None, instead: Document | None = None) -> Config:
    """The effective configuration of a file and of lowatch.d/*.toml beside it.

    path: None means DEFAULT_PATH, which need not exist. wall: wall-clock seconds, to find settings that
    have expired (`hints`) and where acknowledgements are; None for neither. instead: one of lowatch.d,
    in place of the file that may be there. Raises ConfigErrors with all errors at once, except those in
    the files of [[domains_from]], which are the result's `problems`.
    """
    reader = TableReader(SCHEMA, UNSUPPORTED)
    errors = reader.errors
    files = _files(path, errors, instead)
    tables = []
    for file in files:
        try:
            if instead is not None and file == instead.path:
                tables.append(reader.document(instead))
            else:
                tables.append(reader.document(read_document(file, pipe=file == path)))
        except ConfigErrors as rejected:
            errors += rejected.errors
    config = _effective(tables, errors, wall)
    if errors:
        in_order = sorted(errors, key=lambda error: _position(error, files))
        if errors.more:
            in_order.append(ConfigError(in_order[-1].file, None, "", f"and {errors.more:,} more errors"))
        raise ConfigErrors(in_order)
    return read_names(replace(config, files=tuple(files)))


def beside(path: Path | None) -> Path:
    """The directory lowatch.d of a configuration. path: as for load()."""
    return drop_in_directory(path or DEFAULT_PATH)


def _files(path: Path | None, errors: list[ConfigError], instead: Document | None) -> list[Path]:
    main = path or DEFAULT_PATH
    files = [main] if path is not None or _may_exist(main) else []
    try:
        files += drop_ins(main, None if instead is None else instead.path)
    except ConfigErrors as rejected:
        errors += rejected.errors
    return files


def _may_exist(path: Path) -> bool:
    """False only if there is certainly no file. Reading reports whatever is wrong with the rest."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _position(error: ConfigError, files: list[Path]) -> tuple[int, int]:
    """A sort key: by file in the order of reading, then by line. Errors without a line come first."""
    file = files.index(error.file) if error.file in files else len(files)
    return file, error.line or 0


class _Setting(NamedTuple):
    """The effective value of a key, and the location that set it."""

    value: Any
    location: KeyLocation


class _Merged:
    """The merged tables of all files. settings: by dotted key. lists: the values of APPENDING keys."""

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
                self.settings[prefix + key] = _Setting(value, table.location / key)

    def section(self, name: str) -> dict[str, Any]:
        """The values of one [table], by key; "" means the top of the file."""
        prefix = f"{name}." if name else ""
        return {
            key.removeprefix(prefix): setting.value
            for key, setting in self.settings.items()
            if key.rpartition(".")[0] == name
        }


def _effective(tables: Iterable[Table], errors: list[ConfigError], wall: float | None = None) -> Config:
    """The configuration of all files. Contradictions are appended to `errors`.

    If there are errors, also earlier ones, the result only serves to find further errors.
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
        victims=VictimsPolicy(**merged.section("victims")),
        **top,
    )
    return Config(
        policy=policy,
        dns=_dns(merged, errors),
        names=_names(merged),
        web=WebSettings(**merged.section("web")),
        journal_enabled=merged.section("journal").get("enabled", True),
        ports=ports,
        named=domains if domains_from else DomainTable(),
        domains_from=domains_from,
        zones=tuple(_zones(merged.lists["zones"], errors)),
        hints=() if wall is None else tuple(_expired(merged.lists["acknowledge"], wall)),
        acknowledged_at=() if wall is None else tuple(map(_place, merged.lists["acknowledge"])),
    )


def _domains_from(table: Table) -> DomainsFrom:
    location = table.location / "path"
    document = location.document
    directory = escape(str(document.path.absolute().parent))
    path = Path(directory) / table.values["path"]
    return DomainsFrom(str(path), document.path, document.line(location.path), location.key)


def _zones(tables: Iterable[Table], errors: list[ConfigError]) -> Iterator[ZoneFile]:
    """Each file once. An error where it is named twice."""
    seen: set[Path] = set()
    for table in tables:
        location = table.location / "file"
        path = location.document.path.absolute().parent / table.values["file"]
        if path in seen:
            errors.append(location.error(f"{table.values['file']!r} is a zone already"))
        elif len(seen) == ZONE_FILES.value:
            ZONE_FILES.reached()
            errors.append(location.error(f"is one of more than {ZONE_FILES.value} zones"))
        seen.add(path)
        yield ZoneFile(path, table.values.get("server"))


def _mentions(merged: _Merged, errors: list[ConfigError]) -> Iterator[Mention]:
    for target in merged.lists["domains"]:
        yield Mention(target.name, () if target.port is None else (target.port,))
    for table in merged.lists["domain"]:
        mention = Mention(**table.values)
        if mention.ports:
            try:
                refuse_srv_ports(mention.name)
            except ValueError as error:
                errors.append((table.location / "ports").error(str(error)))
        yield mention


def _acknowledgements(tables: Iterable[Table], errors: list[ConfigError]) -> Iterator[Acknowledgement]:
    for table in tables:
        if table.keys <= {"until", "reason"}:
            message = f"would match every finding (give at least one of {', '.join(MATCHERS)})"
            errors.append(table.location.error(message))
        yield Acknowledgement(**table.values)


def _place(table: Table) -> str:
    """The file and the line where a table begins."""
    document, path = table.location
    line = document.line(path)
    return str(document.path) if line is None else f"{document.path}:{line}"


def _expired(tables: Iterable[Table], wall: float) -> Iterator[ConfigError]:
    for table in tables:
        if table.values["until"] <= wall:
            last = datetime.fromtimestamp(table.values["until"] - 1).astimezone().date()
            message = f"expired on {last} and has no effect; remove it or set a later date"
            yield table.location.error(message)


def _names(merged: _Merged) -> NamesSettings:
    values = merged.section("names")
    return NamesSettings(**{**values, "learn": tuple(dict.fromkeys(values.get("learn", ())))})


def _dns(merged: _Merged, errors: list[ConfigError]) -> DnsSettings:
    dns = DnsSettings(**merged.section("dns"))
    limits = ("dns.min_ttl", "dns.max_ttl")
    locations = [merged.settings[key].location for key in limits if key in merged.settings]
    if dns.min_ttl > dns.max_ttl and not any(error.key in limits for error in errors):
        low, high = format_duration(dns.min_ttl), format_duration(dns.max_ttl)
        errors.append(locations[-1].error(f"min_ttl {low} is longer than max_ttl {high}"))
    return dns
