"""Reads recordings for `check`, `explain` and `diff`, and writes those of `snapshot`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from .environment import Environment
from .exit_codes import FAILURE, OUTPUT, USAGE, CommandError

if TYPE_CHECKING:
    from lowatch.config.targets import ExplainTarget
    from lowatch.core.explanation import Explanation
    from lowatch.core.recording.difference import Replayed
    from lowatch.core.recording.recording import Recording

_PATIENCE = 60.0
"""Seconds to wait for each piece of a pipe: its writer may be auditing 100,000 names."""
_MODE = 0o600
"""A recording has the host's names, addresses and units."""


def add_snapshot(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--snapshot",
        type=Path,
        metavar="FILE",
        help="judge what `lowatch snapshot` recorded, instead of this host",
    )


def read(path: Path) -> Recording:
    """A recording. Raises CommandError."""
    from lowatch.core.limits.files import SNAPSHOT_BYTES  # noqa: PLC0415  # only for a recording
    from lowatch.files.regular_file import read_pipe  # noqa: PLC0415

    try:
        content = read_pipe(path, SNAPSHOT_BYTES, _PATIENCE)
    except OSError as error:
        raise CommandError(USAGE, [f"lowatch: {path}: {error.strerror or error}"]) from None
    return parsed(content, str(path))


def parsed(content: bytes, source: str) -> Recording:
    """A recording from its JSON. source: for the error. Raises CommandError."""
    from lowatch.core.recording.parse import RecordingError, parse_recording  # noqa: PLC0415

    try:
        return parse_recording(content)
    except RecordingError as error:
        raise CommandError(USAGE, [f"lowatch: {source}: {error}"]) from None


def replayed(arguments: argparse.Namespace) -> Replayed:
    """The recording of --snapshot, judged. Raises CommandError."""
    from lowatch.app.replay import replay  # noqa: PLC0415  # only for a recording

    return replay(_given(arguments))


def explained(arguments: argparse.Namespace, target: ExplainTarget) -> Explanation:
    """What the recording of --snapshot has about a target. Raises CommandError."""
    from lowatch.app.replay import NotRecordedError, explain_recorded  # noqa: PLC0415

    try:
        return explain_recorded(target, _given(arguments))
    except NotRecordedError as error:
        raise CommandError(FAILURE, [f"lowatch: {arguments.snapshot}: {error}"]) from None


def _given(arguments: argparse.Namespace) -> Recording:
    if arguments.config is not None:
        raise CommandError(USAGE, ["lowatch: --snapshot has its own configuration (give no --config)"])
    if arguments.netns:
        raise CommandError(USAGE, ["lowatch: --snapshot has its own network namespace (give no --netns)"])
    return read(arguments.snapshot)


def write(pieces: Iterable[bytes], path: Path | None, environment: Environment) -> None:
    """Writes JSON to a file, or to stdout. Raises CommandError."""
    if path is None:
        for piece in pieces:
            environment.write(piece.decode("ascii"))
        return
    try:
        _write_file(pieces, path)
    except OSError as error:
        raise CommandError(OUTPUT, [f"lowatch: {path}: {error.strerror or error}"]) from None


def _write_file(pieces: Iterable[bytes], path: Path) -> None:
    """The whole file or nothing, unless it is a pipe, a device or a link. Raises OSError.

    A link is left to the kernel, which follows none that another user made in /tmp (protected_symlinks).
    """
    if path.is_symlink() or (path.exists() and not path.is_file()):
        with _opened(path, os.O_CREAT | os.O_TRUNC) as stream:
            stream.writelines(pieces)
        return
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with _opened(temporary, os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW) as stream:
            stream.writelines(pieces)
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def _opened(path: Path, flags: int) -> BinaryIO:
    return os.fdopen(os.open(path, flags | os.O_WRONLY | os.O_CLOEXEC, _MODE), "wb")
