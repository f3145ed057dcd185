"""The only place that builds real adapters and puts them together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lowatch.config.settings import Config

from .build import StartError, SystemClock, build_auditor, build_resolver, collect_rarely, opened_host
from .check import check, explain, rehearsed_together

__all__ = [
    "StartError",
    "SystemClock",
    "build_auditor",
    "build_resolver",
    "changer",
    "check",
    "collect_rarely",
    "explain",
    "new_undo",
    "opened_host",
    "record",
    "rehearsed_together",
    "run",
    "verify",
]


if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from lowatch.app.check import Progress
    from lowatch.app.cleaning import Kernel
    from lowatch.app.reload import ConfigLoader
    from lowatch.core.audit import Audit
    from lowatch.core.changes.undo import Undo
    from lowatch.core.recording.recording import Recording


def run(config: Config, loader: ConfigLoader) -> int:
    """The daemon: see service.run."""
    from . import service  # noqa: PLC0415  # a third of the imports, which `check` does without

    return service.run(config, loader)


def record(config: Config, progress: Progress | None) -> Recording:
    """One audit, now, as a recording: see snapshot.record."""
    from .snapshot import record as record_now  # noqa: PLC0415  # `check` does without

    return record_now(config, progress)


def changer() -> AbstractContextManager[Kernel]:
    """Changes addresses and routes: see clean.changer. Raises ChangeError without pyroute2."""
    try:
        from .clean import changer as change  # noqa: PLC0415  # it imports pyroute2
    except ImportError as error:
        raise _lacking(error) from None
    return change()


def new_undo(now: float) -> Undo:
    """An undo of nothing yet: see clean.new_undo. Raises ChangeError without pyroute2."""
    try:
        from .clean import new_undo as undo_here  # noqa: PLC0415
    except ImportError as error:
        raise _lacking(error) from None
    return undo_here(now)


def _lacking(error: ImportError) -> Exception:
    from lowatch.core.changes.rows import ChangeError  # noqa: PLC0415

    return ChangeError(f"to change addresses and routes takes pyroute2: {error}")


def verify(config: Config, progress: Progress | None) -> tuple[Audit, Recording]:
    """One audit, now, verified on this host: see verified_check.verify. Raises StartError."""
    try:
        from .verified_check import verify as verify_now  # noqa: PLC0415  # `check` does without
    except ImportError as error:
        raise StartError(f"--verify needs pyroute2 and dnspython: {error}") from None

    return verify_now(config, progress)
