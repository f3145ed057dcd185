"""The limits of what the kernel is asked."""

from __future__ import annotations

from .limit import Limit

FIXES_WEIGHED = Limit(
    "fixes_weighed",
    1_000,
    "changes that are checked in one audit, to be offered as fixes",
    "their findings have no fix",
    "40 ms; a thousand addresses to remove are a single mistake elsewhere",
)
FIX_STEPS = Limit(
    "fix_steps",
    64,
    "commands that one fix may need",
    "no fix is offered that would need more",
    "nobody reads a longer line before pasting it; a primary address with 30 secondaries needs 61",
)
REHEARSED_ROWS = Limit(
    "rehearsed_rows",
    10_000,
    "addresses, routes and rules copied to rehearse the fixes of one report; a copy counts 300 more",
    "the other fixes are shown as not rehearsed",
    "0.7 s; 30 fixes of a small host, or one of a host with 4,000 addresses",
)
ROUTES_LISTED = Limit(
    "routes_listed",
    10_000,
    "routes of one kind and family listed to show that a fix is harmless",
    "no fix is offered that depends on the rest",
    "20 ms of the event loop; a full BGP table has a million",
)
VIRTUAL_SERVICES_READ = Limit(
    "virtual_services_read",
    4 << 20,
    "bytes of the list of IPVS virtual services and their real servers",
    "no address is idle, and no fix removes one",
    "50 ms of the event loop; 60,000 of them",
)
KERNEL_ANSWERS_KEPT = Limit(
    "kernel_answers_kept",
    1 << 15,
    "questions of one kind to the kernel whose last answer is kept",
    "the least recently used are forgotten, and read again",
    "10,000 names with two ports, and their changes; 400 bytes each; with fewer, a sweep reads all again",
    lossless=True,
)
CGROUPS = Limit(
    "cgroups",
    50_000,
    "cgroups whose units are known",
    "the units of the others are unknown",
    "ten times a busy container host; 200 bytes each",
)
PROBES = Limit(
    "probes",
    512,
    "confirming connects in progress",
    "the others are made later; until then their ports are unknown",
    "half of the usual 1,024 file descriptors",
    lossless=True,
)
OWN_CLIENTS = Limit(
    "own_clients",
    4_096,
    "connects of lowatch itself that are not counted as failed local clients",
    "the oldest are forgotten: their end was reported, or nobody waits for it",
    "eight times the confirming connects in progress; 150 bytes each",
    lossless=True,
)
REFUSED_PORTS = Limit(
    "refused_ports",
    64,
    "ports of one address whose failed local clients are counted",
    "the port with the fewest is forgotten if these are fewer than 3, else the new one is not counted",
    "a scanner tries 65,535; what clients use is refused again",
)
REFUSED_ENDPOINTS = Limit(
    "refused_endpoints",
    4_096,
    "addresses and ports whose failed local clients are counted",
    "those with fewer than 3 are forgotten, the others that come are not counted",
    "each is a series of lowatch_refused_connects_total; 500 bytes each",
)
SLICES_WATCHED = Limit(
    "slices_watched",
    1_024,
    "slices of systemd whose units are noticed as they start",
    "those of the others are found by polling",
    "a slice for each pod of a large node; each takes an inotify watch",
    lossless=True,
)
REFUSED_PROGRAMS = Limit(
    "refused_programs",
    8,
    "programs that are named for the failed connects of one port",
    "the one with the fewest is not named any more",
    "nobody reads a longer list; a name is chosen by whoever runs the program",
    lossless=True,
)
TRACED_CONNECTS = Limit(
    "traced_connects",
    4_096,
    "failed connects whose program is known, until the kernel reports that their socket is gone",
    "the oldest are forgotten: their program is unknown",
    "clients that keep a failed socket, and those of other network namespaces; 400 bytes each",
    lossless=True,
)
TRACED_PER_SECOND = Limit(
    "traced_per_second",
    1_000,
    "failed connects to held addresses that are read of the trace in a second, of all network namespaces",
    "the others are not: their program is unknown",
    "0.4 % of a core, and 0.1 % for each 1,000 to other addresses; in a flood a sample is enough",
)
LISTENERS_CHECKED = Limit(
    "listeners_checked",
    512,
    "listeners that are asked, by a half-open connect, whether they answer local clients",
    "the others count as served because their socket is there",
    "30 ms of CPU time every five minutes; 200 bytes each",
    lossless=True,
)
ADDRESSES_MOVED = Limit(
    "addresses_moved",
    256,
    "addresses that `lowatch clean --undo` deletes and adds again, to restore their order",
    "the addresses are restored, and their order is not",
    "a second; the order decides about source addresses only",
)
MESSAGES_COMPARED = Limit(
    "messages_compared",
    100_000,
    "netlink messages that `check --verify` decodes with pyroute2 too",
    "the others are not compared, which it reports",
    "5 s; 10,000 addresses, their routes and 10,000 sockets are 40,000",
)
ENDPOINTS_VERIFIED = Limit(
    "endpoints_verified",
    20_000,
    "endpoints that `check --verify` compares with a connect",
    "the others are not compared, which it reports",
    "200 s, at 100 connects per second",
)
