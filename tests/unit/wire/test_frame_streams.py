"""Frame Streams: whole, in pieces, and broken."""

from __future__ import annotations

import pytest

from lowatch.core.limits.lookups import LOOKUP_MESSAGE
from lowatch.wire.frame_streams import DNSTAP, Control, FrameError, FrameReader, control_frame

READY, START = control_frame(Control.READY, DNSTAP), control_frame(Control.START, DNSTAP)
STOP = control_frame(Control.STOP)


def data(payload: bytes) -> bytes:
    return len(payload).to_bytes(4, "big") + payload


STREAM = READY + START + data(b"one") + data(b"two" * 100) + STOP
FRAMES = [b"one", b"two" * 100]


def test_the_control_frame_of_the_specification() -> None:
    assert START == b"\0\0\0\0\0\0\0\x22\0\0\0\2\0\0\0\1\0\0\0\x16protobuf:dnstap.Dnstap"


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 64, 10_000])
def test_a_stream_in_pieces_of_any_size(size: int) -> None:
    reader, frames, answers = FrameReader(), [], b""
    for at in range(0, len(STREAM), size):
        frames += reader.feed(STREAM[at : at + size])
        answers += reader.take_answer()
    assert frames == FRAMES
    assert answers == control_frame(Control.ACCEPT, DNSTAP) + control_frame(Control.FINISH)


def test_a_stream_in_one_direction_is_not_answered() -> None:
    reader = FrameReader()
    assert list(reader.feed(START + data(b"one"))) == [b"one"]
    assert reader.take_answer() == b""


def test_one_of_several_content_types_is_accepted() -> None:
    other = b"\0\0\0\1\0\0\0\4text"
    payload = b"\0\0\0\4" + other + READY[12:]
    reader = FrameReader()
    assert list(reader.feed(bytes(4) + data(payload))) == []
    assert reader.take_answer() == control_frame(Control.ACCEPT, DNSTAP)


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (data(b"one"), "data before the stream has started"),
        (START + START, "a control frame of type 2 that does not belong there"),
        (control_frame(Control.ACCEPT), "type 1"),
        (READY * 200, "too many control frames"),
        (STOP * 1000, "too many control frames"),
        (START + b"\x7f\xff\xff\xff", "a frame of 2,147,483,647 octets, which is too long"),
        (b"GET / HTTP/1.1\r\n", "a frame of 1,195,725,856 octets"),
        (bytes(8), "a control frame of 0 octets"),
        (bytes(4) + b"\0\0\2\1", "a control frame of 513 octets"),
        (control_frame(Control.READY, b"text"), "the content is not protobuf:dnstap.Dnstap"),
        (bytes(4) + data(b"\0\0\0\2\0\0\0\1\0\0\1\0x"), "a control frame that is cut off"),
    ],
)
def test_what_cannot_be_read(stream: bytes, reason: str) -> None:
    with pytest.raises(FrameError, match=reason):
        list(FrameReader().feed(stream))


def test_a_frame_that_does_not_end_is_bounded() -> None:
    reader = FrameReader()
    list(reader.feed(START + LOOKUP_MESSAGE.value.to_bytes(4, "big")))
    for _ in range(3):
        assert list(reader.feed(bytes(LOOKUP_MESSAGE.value // 4))) == []
    assert list(reader.feed(bytes(LOOKUP_MESSAGE.value // 4))) == [bytes(LOOKUP_MESSAGE.value)]
