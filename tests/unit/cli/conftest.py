"""`lowatch` in process: its streams are strings, and what it is wired to is a fake."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from lowatch.app.reload import ConfigLoader
from lowatch.cli import config as config_command
from lowatch.cli.environment import Environment
from lowatch.cli.main import main
from lowatch.cli.wiring_port import Progress
from lowatch.config import load as load_module
from lowatch.config.settings import Config
from lowatch.config.targets import ExplainTarget
from lowatch.core.audit import Audit
from lowatch.core.explanation import Explanation
from tests.support.aio import run_async
from tests.unit.report.audit_worlds import NOW, UPTIME, clear
from tests.unit.service.control_clients import Controlled


class FakeStartError(Exception):
    pass


@dataclass
class FakeWiring:
    """Answers as it is told to, and remembers what it was asked.

    raises: what each call raises, if anything. steps: the progress it reports.
    """

    audit: Audit = field(default_factory=clear)
    explanation: Explanation = field(
        default_factory=lambda: Explanation("www.example.com", "web-17", NOW, UPTIME)
    )
    code: int = 0
    raises: BaseException | None = None
    steps: tuple[tuple[int, int], ...] = ()
    config: Config | None = None
    target: ExplainTarget | None = None
    loader: ConfigLoader | None = None

    StartError = FakeStartError

    def check(self, config: Config, progress: Progress | None) -> Audit:
        self.config = config
        for done, total in self.steps:
            if progress is not None:
                progress(done, total)
        self._raise()
        return self.audit

    def run(self, config: Config, loader: ConfigLoader) -> int:
        self.config, self.loader = config, loader
        self._raise()
        return self.code

    def explain(self, config: Config, target: ExplainTarget) -> Explanation:
        self.config, self.target = config, target
        self._raise()
        return self.explanation

    def _raise(self) -> None:
        if self.raises is not None:
            raise self.raises


class Result(NamedTuple):
    code: int
    stdout: str
    stderr: str


@dataclass
class CommandLine:
    """wiring: what the commands are given. variables: the process environment's."""

    wiring: FakeWiring = field(default_factory=FakeWiring)
    variables: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)

    def __call__(self, *argv: object, **settings: Any) -> Result:
        stdout, stderr = io.StringIO(), io.StringIO()
        environment = Environment(
            **{
                "stdout": stdout,
                "stderr": stderr,
                "getenv": self.variables.get,
                "wiring": lambda: self.wiring,
                **self.settings,
                **settings,
            }
        )
        code = main([str(argument) for argument in argv], environment)
        return Result(code, stdout.getvalue(), stderr.getvalue())


@pytest.fixture
def lowatch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command line on a host without a configuration."""
    for module in (load_module, config_command):
        monkeypatch.setattr(module, "DEFAULT_PATH", tmp_path / "etc" / "lowatch.toml")
    return CommandLine()


@pytest.fixture
def config_file(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a configuration."""

    def write(text: str) -> Path:
        path = tmp_path / "lowatch.toml"
        path.write_text(text)
        return path

    return write


@pytest.fixture
def controlled(tmp_path: Path, lowatch: CommandLine) -> Controlled:
    """A daemon to be served, whose socket is where the command line looks for it."""
    lowatch.variables["RUNTIME_DIRECTORY"] = str(tmp_path)
    return Controlled(tmp_path)


def meanwhile(server: AbstractAsyncContextManager[None], command: Callable[[], Result]) -> Result:
    """What the command comes to while the server runs."""

    async def scenario() -> Result:
        async with server:
            return await asyncio.to_thread(command)

    return run_async(scenario())
