"""How many file descriptors each part may use, so that under a low RLIMIT_NOFILE none takes them all."""

from __future__ import annotations

from resource import RLIM_INFINITY
from typing import NamedTuple

from lowatch.core.limits.http import CONTROL_CONNECTIONS, CONTROL_REQUESTS, WEB_CONNECTIONS, WEB_REQUESTS
from lowatch.core.limits.kernel import PROBES

RESERVED = 32
"""For all other uses: 17 that are always open, a nameserver's sockets, files being read or saved."""


class ServerShare(NamedTuple):
    """Of a server: its connections, and requests in progress, which leave some for health probes."""

    connections: int
    requests: int


class Shares(NamedTuple):
    """probes: confirming connects at once."""

    web: ServerShare
    control: ServerShare
    probes: int

    def __str__(self) -> str:
        return (
            f"{self.web.connections} connections of the web pages, {self.control.connections} of the "
            f"control socket, {self.probes} confirming connects at once"
        )


def shares(descriptors: int) -> Shares:
    """descriptors: RLIMIT_NOFILE, or RLIM_INFINITY. From 720 on, all have what core/limits/ says."""
    if descriptors == RLIM_INFINITY:
        return ALL
    left = descriptors - RESERVED
    web = min(WEB_CONNECTIONS.value, max(8, left // 2))
    control = min(CONTROL_CONNECTIONS.value, max(4, left // 6))
    return Shares(
        ServerShare(web, min(WEB_REQUESTS.value, web - max(4, web // 9))),
        ServerShare(control, min(CONTROL_REQUESTS.value, control // 2)),
        min(PROBES.value, max(4, left - web - control)),
    )


ALL = Shares(
    ServerShare(WEB_CONNECTIONS.value, WEB_REQUESTS.value),
    ServerShare(CONTROL_CONNECTIONS.value, CONTROL_REQUESTS.value),
    PROBES.value,
)
