"""Messages in a stream, however it is cut into pieces."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lowatch.resolve.upstream.stream_connection import (
    Framing,
    frame,
)


@given(st.lists(st.binary(max_size=300)), st.data())
def test_pieces_make_the_same_messages(messages: list[bytes], data: st.DataObject) -> None:
    octets = b"".join(map(frame, messages))
    framing, seen = Framing(), []
    while octets:
        cut = data.draw(st.integers(1, len(octets)))
        seen += framing.feed(octets[:cut])
        octets = octets[cut:]
    assert seen == messages


def test_a_message_comes_with_its_last_octet() -> None:
    framing, longest = Framing(), bytes(65535)
    octets = frame(longest)
    assert framing.feed(octets[:1]) == []
    assert framing.feed(octets[1:-1]) == []
    assert framing.feed(octets[-1:] + b"\0") == [longest]
    assert framing.feed(b"\1x") == [b"x"]
