"""lowatch config check and lowatch config show: show errors, or the settings, without side effects."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from lowatch.config.errors import ConfigErrors
from lowatch.config.load import DEFAULT_PATH, load
from lowatch.config.settings import Config
from lowatch.core.printable import printable

from .arguments import Parser, add_config
from .environment import Environment
from .exit_codes import OK

if TYPE_CHECKING:
    from lowatch.config.zones.read import ReadZones


def define(parser: Parser) -> None:
    verbs = parser.add_commands("check|show")
    check_parser = verbs.add_parser("check", help="report all errors, with file, line and key")
    check_parser.runs(check, "Reports all errors in the configuration at once, with file, line and key.")
    show_parser = verbs.add_parser("show", help="show the effective configuration")
    show_parser.runs(show, "Shows the configuration merged from all files, as TOML.")
    add_config(check_parser)
    add_config(show_parser)


def check(arguments: argparse.Namespace, environment: Environment) -> int:
    report(load(arguments.config, time.time()), environment)
    return OK


def show(arguments: argparse.Namespace, environment: Environment) -> int:
    from lowatch.config.show import render  # noqa: PLC0415

    environment.write(render(load(arguments.config)))
    return OK


def report(config: Config, environment: Environment) -> None:
    """Prints that a configuration is valid, and what its files have. Raises ConfigErrors."""
    config, zones = _with_zones(config)
    _refuse_problems(config)
    _report_valid(config, environment)
    _report_names(config, environment)
    _report_zones(zones, environment)


def _refuse_problems(config: Config) -> None:
    """Raises ConfigErrors for errors in the files of names, which the daemon would only report."""
    problems = (*config.problems, *config.zone_problems)
    if problems:
        raise ConfigErrors(problems)


def _with_zones(config: Config) -> tuple[Config, ReadZones]:
    """The configuration with the problems of its zone files. Which names lead here is left out."""
    if not config.zones:
        return config, ()
    from lowatch.config.zones.read import read_zones, with_zones  # noqa: PLC0415  # most hosts have none

    read = read_zones(config.zones, ())
    return with_zones(config, read), read


def _report_zones(zones: ReadZones, environment: Environment) -> None:
    for zone in zones:
        if zone.soa is not None:
            about = f"zone {zone.soa.name}, serial {zone.soa.serial}, {zone.lines:,} lines"
            environment.write(f"{printable(str(zone.file))}: {about}\n")


def _report_names(config: Config, environment: Environment) -> None:
    """Prints how many names came from files, if any file is configured."""
    from lowatch.config.show import counted  # noqa: PLC0415

    lines = [
        f"{printable(one.path)}: {counted(one.domains, 'domain')} in {counted(one.files, 'file')}"
        for one in config.domains_from
    ]
    if lines:
        lines.append(f"{counted(len(config.policy.domains), 'domain')} in all")
    environment.write("".join(f"{line}\n" for line in lines))


def _report_valid(config: Config, environment: Environment) -> None:
    """Prints that each file is valid, and the settings without effect in it."""
    lines = [f"{printable(str(file))}: valid" for file in config.files]
    lines = lines or [f"no {DEFAULT_PATH}: the defaults are valid"]
    lines += map(str, config.hints)
    environment.write("".join(f"{line}\n" for line in lines))
