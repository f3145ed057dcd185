"""What the commands need from lowatch.wiring, so that tests can replace it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from lowatch.app.reload import ConfigLoader
from lowatch.config.settings import Config
from lowatch.config.targets import ExplainTarget
from lowatch.core.audit import Audit
from lowatch.core.explanation import Explanation

Progress = Callable[[int, int], None]
"""(done, total), called as an audit goes on."""


class Wiring(Protocol):
    """What lowatch.wiring does for the commands. All three block, and run their own loop."""

    @property
    def StartError(self) -> type[Exception]:  # noqa: N802  # it is a class
        """The daemon could not start. The message is one line, such as "cannot bind"."""

    def check(self, config: Config, progress: Progress | None) -> Audit: ...

    def run(self, config: Config, loader: ConfigLoader) -> int:
        """Run the daemon until SIGTERM, and return its exit code. loader: used for a reload."""

    def explain(self, config: Config, target: ExplainTarget) -> Explanation: ...
