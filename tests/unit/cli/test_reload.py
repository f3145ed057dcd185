"""lowatch reload: it waits for the outcome, and fails with it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

from lowatch.report.status import ReloadOutcome
from tests.unit.cli.conftest import CommandLine, Result, meanwhile
from tests.unit.service.control_clients import Controlled
from tests.unit.service.given_pages import GivenReload


class TestReload:
    def test_it_waits_until_it_is_done_and_says_nothing(
        self, lowatch: CommandLine, controlled: Controlled
    ) -> None:
        done_at = 0.0

        async def slow() -> ReloadOutcome:
            nonlocal done_at
            await asyncio.sleep(0.1)
            done_at = time.monotonic()
            return ReloadOutcome()

        def command() -> Result:
            result = lowatch("reload")
            assert 0 < done_at <= time.monotonic()
            return result

        controlled.pages = replace(controlled.pages, reload=GivenReload(slow))
        assert meanwhile(controlled.served(), command) == (0, "", "")

    def test_what_takes_a_restart_is_reported(self, lowatch: CommandLine, controlled: Controlled) -> None:
        async def leave() -> ReloadOutcome:
            return ReloadOutcome(pending=("web.listen takes a restart", "journal.enabled takes a restart"))

        controlled.pages = replace(controlled.pages, reload=GivenReload(leave))
        said = "lowatch: web.listen takes a restart\nlowatch: journal.enabled takes a restart\n"
        assert meanwhile(controlled.served(), lambda: lowatch("reload")) == (0, "", said)

    def test_it_fails_with_the_daemons_errors(self, lowatch: CommandLine, controlled: Controlled) -> None:
        async def refuse() -> ReloadOutcome:
            return ReloadOutcome("lowatch.toml:3: ports: 70000\nlowatch.toml:9: hold: 'zw\u00f6lf'")

        controlled.pages = replace(controlled.pages, reload=GivenReload(refuse))
        code, stdout, stderr = meanwhile(controlled.served(), lambda: lowatch("reload"))
        assert (code, stdout) == (1, "")
        assert stderr.splitlines() == [
            "lowatch: not reloaded, keeping the previous configuration:",
            "lowatch.toml:3: ports: 70000",
            r"lowatch.toml:9: hold: 'zw\xf6lf'",
        ]

    def test_a_reload_that_hangs(self, lowatch: CommandLine, controlled: Controlled) -> None:
        async def hang() -> ReloadOutcome:
            return await asyncio.get_running_loop().create_future()

        controlled.pages = replace(controlled.pages, reload=GivenReload(hang))
        done = meanwhile(controlled.served(), lambda: lowatch("reload", "--timeout", "0.1"))
        hangs = "no answer within 0.1 s: the daemon is stuck or very busy"
        assert done == (3, "", f"lowatch: {controlled.path}: {hangs}\n")
