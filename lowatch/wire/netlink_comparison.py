"""Netlink messages decoded twice: by the lean decoders and by pyroute2, with their differences in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from lowatch.core.addresses import format_address

from . import fib_rules, inet_diag, links, netlink_full, rtnetlink
from .inet_diag import SOCK_DIAG_BY_FAMILY, SocketMessage
from .netlink import MalformedMessageError, walk_attributes
from .rtnetlink import RTM_NEWADDR, RTM_NEWLINK, RTM_NEWROUTE, RTM_NEWRULE, AddressMessage, RouteMessage

_SHOWN = 20
"""Different differences that are kept; each is counted."""

Parser = Callable[[bytes, int, int], Any]


class _Kind(NamedTuple):
    """A type of message. fixed: octets before its attributes. lean: looked up at each use."""

    name: str
    fixed: int
    lean: Callable[[], Parser]
    full: Parser


Kinds = Mapping[int, _Kind]

ROUTE_KINDS: Kinds = {
    RTM_NEWLINK: _Kind("RTM_NEWLINK", 16, lambda: links.parse_link, netlink_full.link),
    RTM_NEWADDR: _Kind("RTM_NEWADDR", 8, lambda: rtnetlink.parse_address, netlink_full.address),
    RTM_NEWROUTE: _Kind("RTM_NEWROUTE", 12, lambda: rtnetlink.parse_route, netlink_full.route),
    RTM_NEWRULE: _Kind("RTM_NEWRULE", 12, lambda: fib_rules.is_plain_local, netlink_full.rule),
}
SOCKET_KINDS: Kinds = {
    SOCK_DIAG_BY_FAMILY: _Kind("SOCK_DIAG", 72, lambda: inet_diag.parse_socket, netlink_full.socket),
}
"""By the type, whose numbers are those of the protocol: an address and a socket are both 20."""


class DecoderComparison:
    """compared: messages that both decoded. unread: those that pyroute2 could not read, by the reason.

    differing: messages that they read differently, or only pyroute2 could read. differences: in words.
    """

    def __init__(self) -> None:
        self.compared = self.differing = 0
        self.unread: Counter[str] = Counter()
        self.differences: dict[str, None] = {}

    def add(self, kinds: Kinds, kind: int, data: bytes, start: int, end: int) -> None:
        """Decode a message twice. kind: its type; any that is not among the kinds is ignored."""
        known = kinds.get(kind)
        if known is None:
            return
        try:
            theirs = known.full(data, start, end)
        except MalformedMessageError as error:
            self.unread[f"{known.name}: {error}"] += 1
            return
        self.compared += 1
        try:
            ours = known.lean()(data, start, end)
        except MalformedMessageError as error:
            found = f"only pyroute2 can read it: {error}"
        else:
            found = "; ".join(differences(readable(ours), theirs))
        if not found:
            return
        self.differing += 1
        if len(self.differences) < _SHOWN:
            layout = _layout(data, start + known.fixed, end)
            self.differences[f"{known.name}: {found} ({layout})"] = None


def readable(ours: Any) -> Any:
    """A message of the lean decoders without the fields that this pyroute2 does not know."""
    if isinstance(ours, AddressMessage) and not netlink_full.KNOWS_PROTOCOL:
        return ours._replace(shape=ours.shape._replace(protocol=None))
    if isinstance(ours, SocketMessage) and not netlink_full.KNOWS_CGROUP:
        return ours._replace(cgroup=None)
    if isinstance(ours, RouteMessage) and not netlink_full.KNOWS_NEXTHOPS:
        return ours._replace(shape=ours.shape._replace(nexthop=0))
    return ours


def differences(ours: Any, theirs: Any, where: str = "") -> Iterator[str]:
    """What differs between two values of a message, field by field."""
    if type(ours) is type(theirs) and hasattr(ours, "_fields"):
        for name in ours._fields:
            yield from differences(getattr(ours, name), getattr(theirs, name), name)
    elif ours != theirs:
        yield f"{where or 'it'} is {_shown(ours)} by the lean decoder and {_shown(theirs)} by pyroute2"


def _shown(value: Any) -> str:
    """A value in words. Not a text: a redacted report could not tell a name from a word."""
    if isinstance(value, bytes) and len(value) in (4, 16):
        return format_address(value)  # type: ignore[arg-type]
    if isinstance(value, tuple):
        return " ".join(map(_shown, value)) or "nothing"
    if isinstance(value, str):
        return f"a text of {len(value)}"
    return str(value)


def _layout(data: bytes, start: int, end: int) -> str:
    """The types and sizes of a message's attributes: no address or name is in them."""
    try:
        found = walk_attributes(data, start, end)
    except MalformedMessageError as error:
        return f"attributes: {error}"
    sizes = " ".join(f"{kind}:{last - first}" for kind, (first, last) in found.items())
    return f"attributes and their octets {sizes or 'none'}"
