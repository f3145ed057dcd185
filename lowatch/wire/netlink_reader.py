"""Reads netlink messages with the lean decoders, and with pyroute2 where they fail.

Only what neither can read is malformed. pyroute2 is imported with the first such message.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any, TypeVar

from .fib_rules import is_plain_local
from .inet_diag import SocketMessage, parse_socket
from .links import LinkMessage, parse_link
from .netlink import MalformedMessageError
from .rtnetlink import AddressMessage, RouteMessage, parse_address, parse_route

Message = TypeVar("Message")

_counting = Lock()


class Fallbacks:
    """How many messages pyroute2 read in place of a lean decoder."""

    def __init__(self) -> None:
        self.times = 0

    def add(self) -> None:
        """From any thread."""
        with _counting:
            self.times += 1


FALLBACKS = Fallbacks()
"""Of this process."""


def decode_link(data: bytes, start: int, end: int) -> LinkMessage:
    """The link in a message. Raises MalformedMessageError, as all of these."""
    try:
        return parse_link(data, start, end)
    except MalformedMessageError as error:
        message: LinkMessage = _fully(error, lambda full: full.link(data, start, end))
        return message


def decode_address(data: bytes, start: int, end: int) -> AddressMessage | None:
    """The address; None for a family other than IPv4 and IPv6."""
    try:
        return parse_address(data, start, end)
    except MalformedMessageError as error:
        message: AddressMessage | None = _fully(error, lambda full: full.address(data, start, end))
        return message


def decode_route(data: bytes, start: int, end: int) -> RouteMessage | None:
    """The route; None for a family other than IPv4 and IPv6."""
    try:
        return parse_route(data, start, end)
    except MalformedMessageError as error:
        message: RouteMessage | None = _fully(error, lambda full: full.route(data, start, end))
        return message


def decode_rule(data: bytes, start: int, end: int) -> bool:
    """Whether a policy rule is exactly `from all lookup local`."""
    try:
        return is_plain_local(data, start, end)
    except MalformedMessageError as error:
        plain: bool = _fully(error, lambda full: full.rule(data, start, end))
        return plain


def decode_socket(data: bytes, start: int, end: int) -> SocketMessage:
    try:
        return parse_socket(data, start, end)
    except MalformedMessageError as error:
        message: SocketMessage = _fully(error, lambda full: full.socket(data, start, end))
        return message


def _fully(error: MalformedMessageError, read: Callable[[Any], Message]) -> Message:
    """What pyroute2 reads. Raises the lean decoder's error if it cannot, or is not installed."""
    try:
        from . import netlink_full  # noqa: PLC0415  # it costs 13 MiB, and no known kernel makes it necessary

        message = read(netlink_full)
    except (MalformedMessageError, ImportError):
        raise error from None
    FALLBACKS.add()
    return message
