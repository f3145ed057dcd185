"""The limits of the web server and of the control socket."""

from __future__ import annotations

from .limit import Limit

WEB_CONNECTIONS = Limit(
    "web_connections",
    144,
    "connections of the web pages open at once",
    "a new one takes the place of the longest idle, or waits in the backlog",
    "128 scrapers and 16 probes; 20 KiB each",
)
WEB_REQUESTS = Limit(
    "web_requests",
    128,
    "requests of the web pages in progress, health probes aside",
    "a client that has stopped reading is disconnected, or 503",
    "fewer than the connections, so that a probe always finds a place",
)
WEB_UNSENT_BYTES = Limit(
    "web_unsent_bytes",
    32 << 20,
    "bytes of responses that are being rendered or that clients have not received yet",
    "a client that has stopped reading is disconnected, or 503",
    "two responses of 100,000 series, uncompressed; clients that ask at the same time share one",
)
WEB_KEPT_BYTES = Limit(
    "web_kept_bytes",
    2 << 20,
    "bytes of a rendered page that is kept for the next client",
    "it is rendered again",
    "100,000 series, compressed",
    lossless=True,
)
WEB_HEAD_BYTES = Limit(
    "web_head_bytes",
    16 << 10,
    "bytes of a request's head",
    "431, and the connection is closed",
    "the usual limit of web servers",
)
WEB_BODY_BYTES = Limit(
    "web_body_bytes",
    64 << 10,
    "bytes of a request's body, which is ignored",
    "413, and the connection is closed",
    "no page takes a body",
)
CONTROL_CONNECTIONS = Limit(
    "control_connections",
    32,
    "connections of the control socket open at once",
    "a new one takes the place of the longest idle, or waits in the backlog",
    "people and scripts on this host",
)
CONTROL_REQUESTS = Limit(
    "control_requests",
    16,
    "requests of the control socket in progress, status aside",
    "a client that has stopped reading is disconnected, or 503",
    "fewer than the connections, so that status is always answered",
)
