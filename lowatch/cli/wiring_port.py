"""What the commands need from lowatch.wiring, so that tests can replace it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from lowatch.app.cleaning import Kernel
from lowatch.app.reload import ConfigLoader
from lowatch.config.settings import Config
from lowatch.config.targets import ExplainTarget
from lowatch.core.audit import Audit
from lowatch.core.changes.undo import Undo
from lowatch.core.explanation import Explanation
from lowatch.core.findings import Finding, Fix
from lowatch.core.last_served import LastServed
from lowatch.core.listeners import Endpoint
from lowatch.core.recording.recording import Recording

Progress = Callable[[int, int], None]
"""(done, total), called as an audit goes on."""


class Wiring(Protocol):
    """What lowatch.wiring does for the commands. All block, and run their own loop."""

    @property
    def StartError(self) -> type[Exception]:  # noqa: N802  # it is a class
        """The daemon could not start. The message is one line, such as "cannot bind"."""

    def check(self, config: Config, progress: Progress | None) -> Audit: ...

    def run(self, config: Config, loader: ConfigLoader) -> int:
        """Run the daemon until SIGTERM, and return its exit code. loader: used for a reload."""

    def record(self, config: Config, progress: Progress | None) -> Recording:
        """One audit, recorded instead of shown."""

    def verify(self, config: Config, progress: Progress | None) -> tuple[Audit, Recording]:
        """One audit with its verification, and a recording of both for a bug report."""

    def explain(
        self, config: Config, target: ExplainTarget, remembered: Mapping[Endpoint, LastServed]
    ) -> Explanation:
        """remembered: who served each endpoint last, as the daemon knows."""

    def rehearsed_together(
        self, chosen: Sequence[tuple[Finding, Fix]], audit: Audit, config: Config
    ) -> str:
        """Why fixes of an audit must not be carried out one upon the other; "" if nothing is against it."""

    def changer(self) -> AbstractContextManager[Kernel]:
        """Changes addresses and routes of the network namespace in which it is entered.

        Entering it raises ChangeError.
        """

    def new_undo(self, now: float) -> Undo:
        """An undo of nothing yet, for this host, boot and network namespace. Raises ChangeError."""
