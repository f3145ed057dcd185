"""Clients whose connect failed, by a trace, until the kernel reports that their socket is gone.

The trace shows all network namespaces, the other report only ours. Both have the address and the source
port in common. The trace is written first, at the moment of the failure; the report comes once the socket
is closed. So whoever reads the trace to its end has every client that is reported.
"""

from __future__ import annotations

from typing import NamedTuple

from .addresses import Address
from .limits.kernel import TRACED_CONNECTS
from .programs import Program

AMBIGUOUS_FOR = 60.0
"""Seconds within which two clients with the same address and source port may be in two network namespaces.
Later, the first one's report has hardly been waited for: it was never ours."""


class TracedClient(NamedTuple):
    """program: whose it was; None if that is unknown. port: 0 if it is unknown. at: monotonic seconds.

    thread: None if it is unknown, so that it may be any other. is_named: False while the kernel may yet
    save the program's name.
    """

    program: Program | None
    port: int
    thread: int | None
    at: float
    is_named: bool = True


class TracedClients:
    """The last ones; their number is limited."""

    def __init__(self) -> None:
        self._clients: dict[tuple[Address, int], TracedClient] = {}

    def __len__(self) -> int:
        return len(self._clients)

    def add(self, address: Address, source_port: int, client: TracedClient) -> None:
        """A connect to this address failed. A thread that fails again with a socket is one client."""
        before = self._clients.pop((address, source_port), None)
        is_same = before is not None and before.thread is not None and before.thread == client.thread
        if before is not None and not is_same and client.at - before.at < AMBIGUOUS_FOR:
            # One of them may be in another network namespace, and nothing says which.
            client = TracedClient(None, 0, None, client.at)
        elif len(self._clients) >= TRACED_CONNECTS.value:
            TRACED_CONNECTS.reached()
            del self._clients[next(iter(self._clients))]
        self._clients[address, source_port] = client

    def take(self, address: Address, source_port: int) -> TracedClient | None:
        """The client whose socket is gone; None if no trace of it was seen. It is forgotten."""
        return self._clients.pop((address, source_port), None)
