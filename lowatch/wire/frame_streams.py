"""Frame Streams, by which dnstap comes: https://farsightsec.github.io/fstrm/, in one direction or in both.

A data frame is a length and that many octets. A length of 0 escapes a control frame. Who sends may first
ask whether the content type is accepted (READY), and is answered; otherwise a stream begins with START.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum

from lowatch.core.limits.lookups import LOOKUP_MESSAGE

DNSTAP = b"protobuf:dnstap.Dnstap"
_CONTENT_TYPE = 1
_CONTROL_LENGTH = 512
_MAX_ANSWERS = 4096
"""Octets of answers that a peer may wait for: it waits for one at a time."""


class Control(IntEnum):
    ACCEPT = 1
    START = 2
    STOP = 3
    READY = 4
    FINISH = 5


class FrameError(Exception):
    """The stream cannot be read any further. One line."""


def control_frame(kind: Control, content_type: bytes = b"") -> bytes:
    """A whole control frame, with its escape."""
    field = _number(_CONTENT_TYPE) + _number(len(content_type)) + content_type if content_type else b""
    payload = _number(kind) + field
    return bytes(4) + _number(len(payload)) + payload


class FrameReader:
    """Cuts a stream into frames, keeps at most one that is not complete, and answers control frames."""

    def __init__(self) -> None:
        self._rest = b""
        self._started = False
        self._to_send = b""

    @property
    def has_started(self) -> bool:
        """Whether data may come."""
        return self._started

    def take_answer(self) -> bytes:
        """What the peer waits for now; b"" if it waits for nothing."""
        answer, self._to_send = self._to_send, b""
        return answer

    def feed(self, octets: bytes) -> Iterator[bytes]:
        """The data frames that are complete now. Take all of them. Raises FrameError."""
        data, position = self._rest + octets, 0
        while len(data) - position >= 4:
            length = int.from_bytes(data[position : position + 4], "big")
            if length == 0:
                following = self._control(data, position + 4)
                if following is None:
                    break
                position = following
                continue
            if length > LOOKUP_MESSAGE.value:
                LOOKUP_MESSAGE.reached()
                raise FrameError(f"a frame of {length:,} octets, which is too long")
            if not self._started:
                raise FrameError("data before the stream has started")
            if len(data) - position - 4 < length:
                break
            yield data[position + 4 : position + 4 + length]
            position += 4 + length
        self._rest = data[position:]

    def _control(self, data: bytes, position: int) -> int | None:
        """Handle the control frame whose length is at `position`.

        Returns where it ends; None if it is not complete.
        """
        if len(data) - position < 4:
            return None
        length = int.from_bytes(data[position : position + 4], "big")
        if not 4 <= length <= _CONTROL_LENGTH:
            raise FrameError(f"a control frame of {length:,} octets")
        if len(data) - position - 4 < length:
            return None
        position += 4
        payload = data[position : position + length]
        self._handle(int.from_bytes(payload[:4], "big"), _content_types(payload[4:]))
        return position + length

    def _handle(self, kind: int, content_types: list[bytes]) -> None:
        if kind == Control.STOP:
            self._answer(control_frame(Control.FINISH))
            self._started = False
            return
        if kind not in (Control.READY, Control.START) or self._started:
            raise FrameError(f"a control frame of type {kind} that does not belong there")
        if content_types and DNSTAP not in content_types:
            raise FrameError(f"the content is not {DNSTAP.decode()}")
        if kind == Control.READY:
            self._answer(control_frame(Control.ACCEPT, DNSTAP))
        else:
            self._started = True

    def _answer(self, frame: bytes) -> None:
        """Raises FrameError."""
        self._to_send += frame
        if len(self._to_send) > _MAX_ANSWERS:
            raise FrameError("too many control frames")


def _content_types(fields: bytes) -> list[bytes]:
    """The content types of a control frame. Raises FrameError."""
    found = []
    while fields:
        kind, length = int.from_bytes(fields[:4], "big"), int.from_bytes(fields[4:8], "big")
        if len(fields) < 8 + length:
            raise FrameError("a control frame that is cut off")
        if kind == _CONTENT_TYPE:
            found.append(fields[8 : 8 + length])
        fields = fields[8 + length :]
    return found


def _number(number: int) -> bytes:
    return number.to_bytes(4, "big")
