"""The limits of what resolvers report about lookups."""

from __future__ import annotations

from .limit import Limit

LOOKUP_MESSAGE = Limit(
    "lookup_message",
    256 << 10,
    "bytes of one lookup that a resolver reports",
    "the connection is closed, which is a problem",
    "a DNS response of 64 KiB, as JSON",
)
LOOKUP_PEERS = Limit(
    "lookup_peers",
    8,
    "resolvers connected to the dnstap socket",
    "another one takes the place of the one that was silent for longest, which is a problem",
    "a host has one or two; each may keep one message",
)
