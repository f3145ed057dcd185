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
