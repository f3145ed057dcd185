"""Recordings of the daemon's last audit, for the control socket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from .config_in_force import ConfigInForce
from .latest_audit import Observed

if TYPE_CHECKING:
    from lowatch.core.recording.recording import Recording


class AuditingHost(Protocol):
    """The part of the daemon that is recorded."""

    @property
    def observed(self) -> Observed | None:
        """What the last audit saw; None before the first."""


class Recorder:
    """Records on request. What is needed for that is imported at the first one."""

    def __init__(self, daemon: AuditingHost, config: ConfigInForce) -> None:
        self._daemon = daemon
        self._config = config

    def prepare(self) -> None:
        """Import what recording() needs, and what renders it. It may be called in a thread."""
        from lowatch.core.recording.record_codec import codec_of  # noqa: PLC0415  # the idle daemon does without
        from lowatch.core.recording.recording import Recording  # noqa: PLC0415
        from lowatch.report import recording  # noqa: F401, PLC0415

        codec_of(Recording)

    def recording(self) -> Recording | None:
        """The last audit; None before the first. Without the answers of names that lead elsewhere.

        To ask the resolver about those would make it keep an Answer of each.
        """
        from .record import record  # noqa: PLC0415  # the idle daemon does without

        observed = self._daemon.observed
        return None if observed is None else record(*observed, self._config.current)
