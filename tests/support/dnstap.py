"""dnstap messages as resolvers send them (dnstap.proto), and the frames around them."""

from __future__ import annotations

from lowatch.wire.frame_streams import DNSTAP, Control, control_frame

START = control_frame(Control.START, DNSTAP)
READY = control_frame(Control.READY, DNSTAP)
ACCEPT = control_frame(Control.ACCEPT, DNSTAP)


def dnstap(response: bytes, client: bytes | None, kind: int = 6) -> bytes:
    """A Dnstap message. kind: 6 is CLIENT_RESPONSE."""
    message = b"\x08" + _varint(kind) + b"\x10\x01\x18\x01"
    if client is not None:
        message += _octets(4, client) + b"\x30" + _varint(40_000)
    message += b"\x6d\1\2\3\4" + _octets(14, response)
    return _octets(1, b"resolver") + _octets(2, b"unbound 1.22") + _octets(14, message) + b"\x78\x01"


def data(payload: bytes) -> bytes:
    """A data frame."""
    return len(payload).to_bytes(4, "big") + payload


def _octets(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(number: int) -> bytes:
    found = b""
    while number > 127:
        found += bytes([number & 127 | 128])
        number >>= 7
    return found + bytes([number])
