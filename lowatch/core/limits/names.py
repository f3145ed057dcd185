"""The limits of names and their answers."""

from __future__ import annotations

from .limit import Limit

ADDRESSES_PER_NAME = Limit(
    "addresses_per_name",
    1024,
    "addresses of one domain and type that are checked",
    "the name is incomplete, which is a problem; this host's own addresses are looked at first",
    "the pods of a large headless service; each costs 300 bytes",
)
ADDRESSES_HERE_PER_NAME = Limit(
    "addresses_here_per_name",
    64,
    "addresses of this host, of one name and type, that are looked at",
    "the name is incomplete, which is a problem; loopback addresses are looked at last",
    "each costs kernel lookups, a series and perhaps an alert; every host has 127.0.0.0/8",
)
ADDRESSES_PER_SERVICE = Limit(
    "addresses_per_service",
    256,
    "addresses of one type that an SRV name gets from all its targets",
    "the name is incomplete, which is a problem",
    "128 targets of two addresses",
)
ADDRESSES_PER_TARGET = Limit(
    "addresses_per_target",
    16,
    "addresses of one type that an SRV name gets from one target",
    "the name is incomplete, which is a problem",
    "a target is a host with a few addresses",
)
TARGETS_PER_SERVICE = Limit(
    "targets_per_service",
    128,
    "SRV records of one name that are followed",
    "the name is incomplete, which is a problem",
    "each target takes two more queries; a hundred domain controllers are a large forest",
)
DNS_FULL_RECORDS = Limit(
    "dns_full_records",
    512,
    "records of a DNS response that dnspython reads",
    "a plain answer is still read, any other is malformed",
    "20 ms; a response by TCP has room for 4,000",
    lossless=True,
)
DNS_FULL_BYTES = Limit(
    "dns_full_bytes",
    16 << 10,
    "bytes of a DNS response that dnspython reads",
    "a plain answer is still read, any other is malformed",
    "20 ms; a response by TCP has room for 10,000 EDNS options",
    lossless=True,
)
NAMESERVERS = Limit(
    "nameservers",
    64,
    "nameservers of /etc/resolv.conf",
    "the others are not used, which is a problem",
    "glibc uses the first three; each takes a socket",
)
DNS_LOOKUPS = Limit(
    "dns_lookups",
    256,
    "DNS lookups in progress",
    "the others wait",
    "four nameservers with 64 queries each",
    lossless=True,
)
DNS_IN_FLIGHT = Limit(
    "dns_in_flight",
    64,
    "DNS queries in flight to one nameserver",
    "the others wait",
    "more overflow a server's default receive buffer: with 256, knot lost queries",
    lossless=True,
)
DNS_ANSWERS_KEPT = Limit(
    "dns_answers_kept",
    16_384,
    "distinct answers kept for sharing",
    "they are dropped, and built again as they arrive",
    "10,000 names and their changes; 400 bytes each",
    lossless=True,
)
GETADDRINFO_THREADS = Limit(
    "getaddrinfo_threads",
    16,
    "threads in which `lowatch check` waits for getaddrinfo; the daemon has one",
    "the others wait",
    "500 names per second with a nameserver that takes 30 ms; each name takes two queries",
    lossless=True,
)
GETADDRINFO_CHECKED = Limit(
    "getaddrinfo_checked",
    500,
    "names that `lowatch check` looks up with getaddrinfo, those that lead here first",
    "if DNS and /etc/hosts do not settle what applications get for the others, the audit is incomplete",
    "getaddrinfo does not pace its queries; the daemon asks about all names over time",
)
GETADDRINFO_DIFFERENCES = Limit(
    "getaddrinfo_differences",
    4096,
    "names that lead elsewhere and for which getaddrinfo fails or differs from DNS",
    "the oldest are dropped until they are looked up again",
    "500 bytes each",
)
DNS_DENIALS_KEPT = Limit(
    "dns_denials_kept",
    1024,
    "SOA records kept for sharing",
    "they are dropped, and read again as they arrive",
    "200 bytes each; a cache's TTL counts down, so each second has a new one",
    lossless=True,
)
NAMES_LISTED = Limit(
    "names_listed",
    10_000,
    "unresolved domains listed one by one in a report",
    "the others are counted by status",
    "2 MB of JSON; lowatch_domains has all of them by status",
)
LEARNED_NAMES = Limit(
    "learned_names",
    4096,
    "names that are followed because this host looked them up",
    "a new one takes the place of one that nobody looked up for ten minutes, or is not followed",
    "each is resolved again at its TTL; a host that serves more knows its names",
)
CANDIDATE_NAMES = Limit(
    "candidate_names",
    4096,
    "names that are followed because /etc/hosts, the host's own name or PTR records have them",
    "the others are not followed, which is a problem",
    "each is resolved again at its TTL; a host that serves more knows its names",
)
PTR_ADDRESSES = Limit(
    "ptr_addresses",
    4096,
    "held addresses whose PTR records are asked for",
    "those of the others are not, which is a problem",
    "one query for each at its TTL, and two for each name; a host with more knows its names",
)
OWN_NAMES = Limit(
    "own_names",
    32,
    "search domains of /etc/resolv.conf that are appended to the host's name",
    "the others are not",
    "glibc used six for decades; each takes two queries",
)
LAST_SERVED = Limit(
    "last_served",
    32_768,
    "endpoints whose last listener is remembered, across restarts too",
    "the oldest are forgotten: an alert does not say who served it",
    "10,000 addresses with three ports; 8 MiB when all of them have stopped",
)
