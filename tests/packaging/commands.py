"""The commands of `lowatch --help` and their options, as the program's own parser has them."""

from __future__ import annotations

import argparse
import io
import os
from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

from lowatch import wiring
from lowatch.cli.arguments import command_parser, program_parser
from lowatch.cli.commands import COMMANDS
from lowatch.cli.environment import Environment


class Option(NamedTuple):
    """names: "-c", "--config". choices: the values it takes, where they are few."""

    names: tuple[str, ...]
    choices: tuple[str, ...]


class Command(NamedTuple):
    """words: ("config", "show"), and () for lowatch itself."""

    words: tuple[str, ...]
    options: tuple[Option, ...]
    subcommands: tuple[str, ...]

    @property
    def long_options(self) -> set[str]:
        return {name for option in self.options for name in option.names if name.startswith("--")}


def commands() -> list[Command]:
    environment = Environment(io.StringIO(), io.StringIO(), os.environ.get, lambda: wiring)
    program = Command((), _options(program_parser(environment)), tuple(COMMANDS))
    parsers = ((name, command_parser(name, environment)) for name in COMMANDS)
    return [program, *chain.from_iterable(_walk((name,), parser) for name, parser in parsers)]


def _walk(words: tuple[str, ...], parser: argparse.ArgumentParser) -> Iterator[Command]:
    below = {
        name: subparser
        for action in parser._actions
        if isinstance(action, argparse._SubParsersAction)
        for name, subparser in action.choices.items()
    }
    yield Command(words, _options(parser), tuple(below))
    for name, subparser in below.items():
        yield from _walk((*words, name), subparser)


def _options(parser: argparse.ArgumentParser) -> tuple[Option, ...]:
    return tuple(
        Option(tuple(action.option_strings), tuple(action.choices or ()))
        for action in parser._actions
        if action.option_strings and action.help is not argparse.SUPPRESS
    )
