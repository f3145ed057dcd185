"""A recording from its JSON, which may be damaged, hostile or of another version."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from lowatch import __version__
from lowatch.core.limits.files import SNAPSHOT_VALUES

from .codec import LARGEST, Doubled, Misfit, UnknownMember
from .record_codec import codec_of
from .recording import SCHEMA, Recording

_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[{]|[\]}]', re.DOTALL)
_DIGITS = len(str(LARGEST))
_DEEP = 64
"""A recording's values are nested less deeply."""


class RecordingError(ValueError):
    """One line: the place, and what is wrong there."""


def parse_recording(content: bytes) -> Recording:
    """Raises RecordingError. The memory it takes is bounded by the size, and by SNAPSHOT_VALUES."""
    if sum(map(content.count, (b",", b"[", b"{"))) > SNAPSHOT_VALUES.value:
        SNAPSHOT_VALUES.reached()
        raise RecordingError(f"has more than {SNAPSHOT_VALUES.value:,} values")
    data = _plain(_decoded(content))
    if isinstance(data, Doubled):
        raise RecordingError(f"has {data.member!r} twice")
    if not isinstance(data, dict) or "snapshot" not in data:
        raise RecordingError("is not a recording: it has no snapshot")
    schema = data.pop("schema", None)
    recorder = data.get("lowatch")
    if type(schema) is not int or schema != SCHEMA:
        raise RecordingError(f"schema: must be {SCHEMA}, not {schema!r:.40} {_versions(recorder)}")
    try:
        recording: Recording = codec_of(Recording).decode(data)
    except Misfit as misfit:
        place = misfit.path.removeprefix(".")
        why = misfit.message
        if isinstance(misfit, UnknownMember):
            why = f"not known to this version {_versions(recorder)}"
        raise RecordingError(f"{place}: {why}" if place else why) from None
    return recording


def _versions(recorder: Any) -> str:
    by = f"recorded by lowatch {recorder:.20}" if isinstance(recorder, str) else "recorded by no lowatch"
    return f"({by}, this is {__version__})"


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise RecordingError(f"line {line}: not UTF-8") from None


def _plain(text: str) -> Any:
    """As JSON has it, but a number that does not fit is infinite, and doubled members are marked."""
    try:
        return json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=lambda digits: int(digits) if len(digits) <= _DIGITS else float("inf"),
            parse_constant=float,
        )
    except json.JSONDecodeError as error:
        raise RecordingError(f"line {error.lineno}, column {error.colno}: {error.msg}") from None
    except RecursionError:
        _refuse_depth(text)


def _object(pairs: list[tuple[str, Any]]) -> Any:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    seen: set[str] = set()
    return Doubled(next(name for name, _ in pairs if name in seen or seen.add(name)))  # type: ignore[func-returns-value]


def _refuse_depth(text: str) -> NoReturn:
    depth = 0
    for token in _TOKENS.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token[0], 0)
        if depth > _DEEP:
            line = text.count("\n", 0, token.start()) + 1
            raise RecordingError(f"line {line}: nested too deeply") from None
    raise RecordingError("nested too deeply") from None
