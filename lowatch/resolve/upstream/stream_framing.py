"""DNS messages in a stream of octets: each with two octets of length before it (RFC 1035, 4.2.2)."""

from __future__ import annotations


def frame(message: bytes) -> bytes:
    """A message as a stream carries it."""
    return len(message).to_bytes(2, "big") + message


class Framing:
    """Cuts what arrives into messages. Holds less than one message, that is less than 64 KiB."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, octets: bytes) -> list[bytes]:
        """The messages that these octets complete, in their order."""
        rest = self._rest
        rest += octets
        messages: list[bytes] = []
        pos, available = 0, len(rest)
        while available - pos >= 2:
            end = pos + 2 + (rest[pos] << 8 | rest[pos + 1])
            if end > available:
                break
            messages.append(bytes(rest[pos + 2 : end]))
            pos = end
        del rest[:pos]
        return messages
