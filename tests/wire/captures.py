"""Messages as the running kernel sends them."""

from __future__ import annotations

from contextlib import closing

from lowatch.kernel.request_socket import RequestSocket, batches
from lowatch.wire.netlink import NLMSG_DONE, only_message

NETLINK_ROUTE = 0
LO_INDEX = 1

Message = tuple[int, bytes, int, int]


def dumped(protocol: int, *requests: bytes) -> list[Message]:
    """(type, datagram, start, end) of every message but the last of each dump."""
    with closing(RequestSocket(protocol)) as asking:
        return [
            (span.type, datagram.data, span.start, span.end)
            for each in requests
            for datagram in asking.dump(each)
            for span in datagram.spans
            if span.type != NLMSG_DONE
        ]


def asked(protocol: int, *requests: bytes) -> list[Message]:
    with closing(RequestSocket(protocol)) as asking:
        replies = asking.ask(batches(requests))
    spans = [only_message(reply) for reply in replies]
    return [(span.type, reply, span.start, span.end) for span, reply in zip(spans, replies, strict=True)]
