"""`lowatch` in process: its streams are strings, and what it is wired to is a fake."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from lowatch.app.cleaning import Kernel
from lowatch.app.reload import ConfigLoader
from lowatch.cli import config as config_command
from lowatch.cli.environment import Environment
from lowatch.cli.main import main
from lowatch.cli.wiring_port import Progress
from lowatch.config import load as load_module
from lowatch.config.settings import Config
from lowatch.config.targets import ExplainTarget
from lowatch.core.audit import Audit
from lowatch.core.changes.undo import Undo
from lowatch.core.explanation import Explanation
from lowatch.core.findings import Finding, Fix
from lowatch.core.last_served import LastServed
from lowatch.core.listeners import Endpoint
from lowatch.core.recording.recording import Recording
from tests.support.aio import run_async
from tests.unit.app.table_kernel import TableKernel
from tests.unit.core.recording.samples import recording
from tests.unit.report.audit_worlds import NOW, UPTIME, clear
from tests.unit.service.control_clients import Controlled


class FakeStartError(Exception):
    pass


@dataclass
class FakeWiring:
    """Answers as it is told to, and remembers what it was asked.

    raises: what each call raises, if anything. steps: the progress it reports. audits: those before the
    last one, `audit`. harm_together: what a rehearsal of several fixes shows.
    """

    audit: Audit = field(default_factory=clear)
    recording: Recording = field(default_factory=recording)
    explanation: Explanation = field(
        default_factory=lambda: Explanation("www.example.com", "web-17", NOW, UPTIME)
    )
    code: int = 0
    raises: BaseException | None = None
    steps: tuple[tuple[int, int], ...] = ()
    config: Config | None = None
    target: ExplainTarget | None = None
    remembered: Mapping[Endpoint, LastServed] | None = None
    loader: ConfigLoader | None = None
    audits: list[Audit] = field(default_factory=list)
    kernel: TableKernel = field(default_factory=TableKernel)
    harm_together: str = ""

    StartError = FakeStartError

    def check(self, config: Config, progress: Progress | None) -> Audit:
        self.config = config
        for done, total in self.steps:
            if progress is not None:
                progress(done, total)
        self._raise()
        return self.audits.pop(0) if self.audits else self.audit

    def record(self, config: Config, progress: Progress | None) -> Recording:
        self.config = config
        for done, total in self.steps:
            if progress is not None:
                progress(done, total)
        self._raise()
        return self.recording

    def verify(self, config: Config, progress: Progress | None) -> tuple[Audit, Recording]:
        return self.check(config, progress), self.recording

    def run(self, config: Config, loader: ConfigLoader) -> int:
        self.config, self.loader = config, loader
        self._raise()
        return self.code

    def explain(
        self, config: Config, target: ExplainTarget, remembered: Mapping[Endpoint, LastServed]
    ) -> Explanation:
        self.config, self.target, self.remembered = config, target, remembered
        self._raise()
        return self.explanation

    def rehearsed_together(
        self, chosen: Sequence[tuple[Finding, Fix]], audit: Audit, config: Config
    ) -> str:
        return self.harm_together

    def changer(self) -> AbstractContextManager[Kernel]:
        self._raise()
        return nullcontext(self.kernel)

    def new_undo(self, now: float) -> Undo:
        self._raise()
        return Undo("web-17", "boot", 1, now)

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
