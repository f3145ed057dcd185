"""lowatch status: the daemon's text, as the terminal takes it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from lowatch.report import status
from lowatch.report.text import status as status_text
from tests.unit.cli.conftest import CommandLine, meanwhile
from tests.unit.service.control_clients import Controlled


class TestStatus:
    def test_text_is_the_default(self, lowatch: CommandLine, controlled: Controlled) -> None:
        expected = status_text.render(controlled.shown, colour=False, width=100)
        assert meanwhile(controlled.served(), lambda: lowatch("status")) == (0, expected, "")

    def test_a_terminal_gets_its_colours_and_its_width(
        self, lowatch: CommandLine, controlled: Controlled
    ) -> None:
        terminal = {"stdout_is_terminal": True, "columns": 70}
        shown = meanwhile(controlled.served(), lambda: lowatch("status", **terminal)).stdout
        assert shown == status_text.render(controlled.shown, colour=True, width=70)

    @pytest.mark.parametrize(("columns", "width"), [(1, 20), (5000, 1000)])
    def test_a_terminal_of_any_size(
        self, lowatch: CommandLine, controlled: Controlled, columns: int, width: int
    ) -> None:
        shown = meanwhile(controlled.served(), lambda: lowatch("status", columns=columns))
        assert shown == (0, status_text.render(controlled.shown, colour=False, width=width), "")

    def test_json(self, lowatch: CommandLine, controlled: Controlled) -> None:
        code, stdout, _ = meanwhile(controlled.served(), lambda: lowatch("status", "--format", "json"))
        assert (code, json.loads(stdout)) == (0, status.document(controlled.shown))

    def test_the_socket_is_named(self, lowatch: CommandLine, controlled: Controlled) -> None:
        lowatch.variables.clear()
        command = ("status", "--socket", controlled.path)
        assert meanwhile(controlled.served(), lambda: lowatch(*command)).code == 0

    def test_a_daemon_that_fails_at_it(self, lowatch: CommandLine, controlled: Controlled) -> None:
        class Failing:
            def status(self) -> status.DaemonStatus:
                raise ZeroDivisionError

        controlled.pages = replace(controlled.pages, statuses=Failing())
        done = meanwhile(controlled.served(), lambda: lowatch("status"))
        assert (done.code, done.stdout) == (3, "")
        assert "lowatch: no status: Internal Server Error\n" in done.stderr
