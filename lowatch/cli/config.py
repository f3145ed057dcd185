"""lowatch config check, lowatch config show: what the configuration says, without acting on it."""

from __future__ import annotations

import argparse
from pathlib import Path

from lowatch.config.load import DEFAULT_PATH, config_files, load

from .arguments import Commands, add_command, add_config
from .environment import Environment
from .exit_codes import OK


def register(commands: Commands) -> None:
    parser = commands.add_parser("config", help="check or show the configuration")
    nouns = parser.add_commands("check|show")
    check_parser = add_command(
        nouns,
        "check",
        check,
        summary="every mistake, with its file, line and key",
        description="Tells every mistake in the configuration, with its file, line and key.",
    )
    show_parser = add_command(
        nouns,
        "show",
        show,
        summary="the effective configuration",
        description="Shows the configuration that results from all files, as TOML.",
    )
    add_config(check_parser)
    add_config(show_parser)


def check(arguments: argparse.Namespace, environment: Environment) -> int:
    load(arguments.config)
    report_valid(arguments.config, environment)
    return OK


def show(arguments: argparse.Namespace, environment: Environment) -> int:
    from lowatch.config.show import render  # noqa: PLC0415

    environment.write(render(load(arguments.config)))
    return OK


def report_valid(path: Path | None, environment: Environment) -> None:
    """Says of each file that it is valid, once it was loaded."""
    files = config_files(path)
    lines = [f"{file}: valid" for file in files] or [f"no {DEFAULT_PATH}: the defaults are valid"]
    environment.write("".join(f"{line}\n" for line in lines))
