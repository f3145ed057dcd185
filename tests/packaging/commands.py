"""The commands of `lowatch --help` and their options, as the program's own parser has them."""

from __future__ import annotations

import argparse
import io
import os
from collections.abc import Iterator
from typing import NamedTuple

from lowatch import wiring
from lowatch.cli.environment import Environment
from lowatch.cli.main import _parser


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
    return list(_walk((), _parser([], environment)))


def _walk(words: tuple[str, ...], parser: argparse.ArgumentParser) -> Iterator[Command]:
    options = tuple(
        Option(tuple(action.option_strings), tuple(action.choices or ()))
        for action in parser._actions
        if action.option_strings and action.help is not argparse.SUPPRESS
    )
    below = {
        name: subparser
        for action in parser._actions
        if isinstance(action, argparse._SubParsersAction)
        for name, subparser in action.choices.items()
    }
    yield Command(words, options, tuple(below))
    for name, subparser in below.items():
        yield from _walk((*words, name), subparser)
