"""The help of `lowatch` is a text of its own: it has what the parsers have."""

from __future__ import annotations

import io
import re

import pytest

from lowatch.cli.arguments import command_parser, program_parser
from lowatch.cli.commands import COMMANDS, program_help
from lowatch.cli.environment import Environment

ENVIRONMENT = Environment(io.StringIO(), io.StringIO(), {}.get, pytest.fail)


def test_the_help_has_every_option() -> None:
    shown = re.findall(r"-[-.\w]+", program_help())
    for action in program_parser(ENVIRONMENT)._actions:
        if action.option_strings and action.help != "==SUPPRESS==":
            assert all(name in shown for name in action.option_strings)
            assert action.help is not None
            assert action.help in program_help()
            if action.choices:
                assert f"{{{','.join(action.choices)}}}" in program_help()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_describes_itself(name: str) -> None:
    parser = command_parser(name, ENVIRONMENT)
    assert parser.prog == f"lowatch {name}"
    assert "command" in parser._defaults or parser._subparsers is not None


def test_the_help_fits_a_terminal() -> None:
    assert all(len(line) <= 79 for line in program_help().splitlines())
