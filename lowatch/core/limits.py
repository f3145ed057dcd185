"""Every bound of what others can make grow, in one table: what it counts, how many, what lies beyond, why.

Whoever meets a bound calls its `reached()`. That counts, for `lowatch_limit_reached_total{limit}`, and the
daemon logs a line for it (app/limits_log.py). Below a bound the cost is linear. docs/limits.md is this
table; a test compares them. How much is shown to a person (rows of a page, examples in a line) is no limit:
the rest is counted where it is shown.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock

_counting = Lock()


@dataclass(slots=True, eq=False)
class Limit:
    """A bound, and how often this process has met it.

    name: the value of the metric's label. counts: the unit, and of what. beyond: what happens to the rest.
    why: why this number. key: the configuration key that sets another; "" where the number is fixed.
    lossless: nothing is lost beyond it but time: part of a normal day, and worth no line of the log.
    """

    name: str
    value: int
    counts: str
    beyond: str
    why: str
    key: str = ""
    lossless: bool = False
    times: int = field(default=0, init=False)

    def reached(self, times: int = 1) -> None:
        """Count that it was met. Any thread may."""
        with _counting:
            self.times += times

    def __str__(self) -> str:
        """As in: names_file_bytes (67,108,864 bytes of a file of names)."""
        return f"{self.name} ({self.value:,} {self.counts})"


# Configuration and files.

CONFIG_FILE_BYTES = Limit(
    "config_file_bytes",
    16 << 20,
    "bytes of a configuration file",
    "the file is refused",
    "room for 300,000 domains; parsing takes some 20 times as much memory",
)
CONFIG_FILES = Limit(
    "config_files",
    1_000,
    "files in lowatch.d",
    "the configuration is refused",
    "one for each role of a host, and one for each acknowledgement",
)
CONFIG_VALUES = Limit(
    "config_values",
    700_000,
    "values in a configuration file: its lines, commas, brackets and equals signs",
    "the file is refused",
    "300,000 domains, a line each; tomllib reads 100,000 values in a second",
)
CONFIG_KEY_PARTS = Limit(
    "config_key_parts",
    16,
    "parts of a dotted key",
    "the file is refused",
    "the longest valid one has two; tomllib takes the square of it",
)
CONFIG_ERRORS = Limit(
    "config_errors",
    1_000,
    "errors of a configuration that are told one by one",
    "the others are counted",
    "nobody reads more; a file can have 300,000 of them",
)
NAMES = Limit(
    "names",
    500_000,
    "names in all files of domains_from, repeated ones each time",
    "the file is refused from there on, its previous names are kept",
    "five times what the DNS engine is made for",
)
NAMES_LINES = Limit(
    "names_lines",
    1_000_000,
    "lines of a file of names, empty ones and comments too",
    "the file is refused from there on, its previous names are kept",
    "500,000 names with a comment each; 2 s",
)
NAMES_GROUP_BYTES = Limit(
    "names_group_bytes",
    4 << 20,
    "bytes of one group in a JSON file of names",
    "the file is refused from there on, its previous names are kept",
    "100,000 targets; the interpreter does nothing else while it is parsed: 40 ms",
)
NAMES_BAD = Limit(
    "names_bad",
    100_000,
    "problems of one file of names",
    "the file is refused from there on, its previous names are kept",
    "it is no file of names",
)
YAML_EVENTS = Limit(
    "yaml_events",
    4_000_000,
    "values, keys, lists and mappings in a YAML file of names, each end counted too",
    "the file is refused from there on, its previous names are kept",
    "300,000 targets with their labels; 8 s",
)
NAMES_FILE_BYTES = Limit(
    "names_file_bytes",
    64 << 20,
    "bytes of a file of names",
    "the file is refused, its previous names are kept",
    "300,000 targets with their labels",
)
NAMES_FILES = Limit(
    "names_files",
    10_000,
    "files of one pattern of domains_from",
    "the pattern is refused, its previous names are kept",
    "each file is looked at every few seconds; more is a pattern like /*/*/*",
)
WATCHED_FILES = Limit(
    "watched_files",
    64,
    "files that are watched one by one",
    "of more their directories are; what is written by another path to them shows within ten seconds",
    "each takes 3 path lookups and a watch of the kernel's; 64 take the loop a millisecond",
    lossless=True,
)
NAMES_LINE_BYTES = Limit(
    "names_line_bytes",
    4096,
    "bytes of a line in a file of names, comments apart",
    "the line is refused",
    "a name and 300 ports",
)
YAML_DEPTH = Limit(
    "yaml_depth",
    100,
    "levels of nesting in a YAML file of names",
    "the file is read up to there",
    "a file_sd file has four",
)
NAMES_PROBLEMS = Limit(
    "names_problems",
    100,
    "problems of files of names that are told one by one",
    "the others are counted",
    "nobody reads more; a file can have a million of them",
)
STATE_FILE_BYTES = Limit(
    "state_file_bytes",
    64 << 20,
    "bytes of the state file",
    "it is set aside as damaged, and findings begin anew",
    "100,000 findings of 500 bytes",
)
STATE_VALUES = Limit(
    "state_values",
    5_000_000,
    "values in the state file: its commas and opening brackets",
    "it is set aside as damaged, and findings begin anew",
    "200,000 findings of 20; what is only brackets takes 20 times its size to read",
)
INTENT_BYTES = Limit(
    "intent_bytes",
    64 << 20,
    "bytes of what is about to be told and not saved as told yet",
    "it is not written down: after a kill -9 it may be told twice, or not resolved",
    "200,000 alerts of 300 bytes, which is as many as wait for journald",
)
THREADS = Limit(
    "threads",
    8,
    "threads that read and write files",
    "whoever wants one more does without for now, and tries again",
    "names, reload, state, hosts and watched files have one each; only a file system that hangs needs more",
)
HOSTS_FILE_BYTES = Limit(
    "hosts_file_bytes",
    64 << 20,
    "bytes of /etc/hosts",
    "the file is unknown",
    "a blocklist of a million names has 30 MiB",
)
RESOLVER_FILE_BYTES = Limit(
    "resolver_file_bytes",
    64 << 10,
    "bytes of resolv.conf, nsswitch.conf and host.conf",
    "the file is unknown",
    "they have a few lines; glibc reads them line by line at each change",
)

# Names and their answers.

ADDRESSES_PER_NAME = Limit(
    "addresses_per_name",
    1024,
    "addresses of one name and type that are looked at",
    "a problem of the name, which is incomplete; those that this host has are looked at first",
    "the pods of a large headless service; each costs 300 bytes",
)
ADDRESSES_HERE_PER_NAME = Limit(
    "addresses_here_per_name",
    64,
    "addresses of one name and type, of those that this host has, that are looked at",
    "a problem of the name, which is incomplete; loopback addresses are looked at last",
    "each costs questions to the kernel, a series and perhaps an alert; every host has 127.0.0.0/8",
)
ADDRESSES_PER_SERVICE = Limit(
    "addresses_per_service",
    256,
    "addresses of one type that an SRV name has of all its targets",
    "a problem of the name, which is incomplete",
    "128 targets of two addresses",
)
ADDRESSES_PER_TARGET = Limit(
    "addresses_per_target",
    16,
    "addresses of one type that an SRV name has of one target",
    "a problem of the name, which is incomplete",
    "a target is a host, of a few addresses",
)
TARGETS_PER_SERVICE = Limit(
    "targets_per_service",
    128,
    "SRV records of one name that are looked at",
    "a problem of the name, which is incomplete",
    "each target is a name more to ask for, twice; a hundred domain controllers are a large forest",
)
DNS_FULL_RECORDS = Limit(
    "dns_full_records",
    512,
    "records of a DNS response that dnspython reads",
    "its answer is read if it is plain, else it is malformed",
    "20 ms; a response by TCP has room for 4,000",
    lossless=True,
)
DNS_FULL_BYTES = Limit(
    "dns_full_bytes",
    16 << 10,
    "bytes of a DNS response that dnspython reads",
    "its answer is read if it is plain, else it is malformed",
    "20 ms; a response by TCP has room for 10,000 EDNS options",
    lossless=True,
)
NAMESERVERS = Limit(
    "nameservers",
    64,
    "nameservers of /etc/resolv.conf",
    "the others are not asked, which is a problem",
    "glibc asks the first three; each takes a socket",
)
DNS_LOOKUPS = Limit(
    "dns_lookups",
    256,
    "DNS lookups under way",
    "the others wait for their turn",
    "four nameservers with 64 queries each",
    lossless=True,
)
DNS_IN_FLIGHT = Limit(
    "dns_in_flight",
    64,
    "DNS queries under way to one nameserver",
    "the others wait for their turn",
    "more overflows a server's default receive buffer: 256 at once lost queries to knot's",
    lossless=True,
)
DNS_ANSWERS_KEPT = Limit(
    "dns_answers_kept",
    16_384,
    "different answers kept to be shared",
    "they are forgotten, and built again as they come",
    "10,000 names and their changes; 400 bytes each",
    lossless=True,
)
GETADDRINFO_THREADS = Limit(
    "getaddrinfo_threads",
    16,
    "threads in which `lowatch check` waits for getaddrinfo; the daemon has one",
    "the others wait for their turn",
    "500 names in a second where a nameserver takes 30 ms; each is asked twice for a name",
    lossless=True,
)
GETADDRINFO_CHECKED = Limit(
    "getaddrinfo_checked",
    500,
    "names of which `lowatch check` asks getaddrinfo, those that lead here first",
    "where DNS and /etc/hosts do not tell what applications get of the others, the audit is incomplete",
    "getaddrinfo asks the nameservers without a pace of its own; the daemon asks about all, in time",
)
GETADDRINFO_DIFFERENCES = Limit(
    "getaddrinfo_differences",
    4096,
    "names that lead elsewhere and of which getaddrinfo fails or differs from DNS",
    "the oldest are forgotten until they are asked about again",
    "500 bytes each",
)
DNS_DENIALS_KEPT = Limit(
    "dns_denials_kept",
    1024,
    "SOA records kept to be shared",
    "they are forgotten, and read again as they come",
    "200 bytes each; a cache's TTL counts down, which makes another each second",
    lossless=True,
)

NAMES_LISTED = Limit(
    "names_listed",
    10_000,
    "names that do not resolve, one by one in a report",
    "the others are counted by status",
    "2 MB of JSON; lowatch_domains has all of them by status",
)

# The kernel.

FIXES_WEIGHED = Limit(
    "fixes_weighed",
    1_000,
    "changes that are weighed in one audit, to be offered as fixes",
    "their findings have no fix",
    "40 ms; a thousand addresses to remove are one mistake, which is somewhere else",
)
ROUTES_LISTED = Limit(
    "routes_listed",
    10_000,
    "routes of one kind and family that are listed to show that a fix is harmless",
    "no fix is offered that would need to know the rest",
    "20 ms of the event loop; a full BGP table has a million",
)
KERNEL_ANSWERS_KEPT = Limit(
    "kernel_answers_kept",
    1 << 15,
    "questions of one sort to the kernel whose last answer is kept",
    "those not asked for longest are forgotten, and read again",
    "10,000 names of two ports, and their changes; 400 bytes each; fewer, and each sweep reads all again",
    lossless=True,
)
CGROUPS = Limit(
    "cgroups",
    50_000,
    "cgroups whose units are known",
    "the others are of no known unit",
    "ten times a busy container host; 200 bytes each",
)
PROBES = Limit(
    "probes",
    512,
    "confirming connects under way",
    "the others are made later; until then their ports are unknown",
    "half of the usual 1,024 file descriptors",
    lossless=True,
)

# Web pages and the control socket.

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
    "a client that has stopped reading is cut off, or 503",
    "fewer than the connections, so that a probe always finds a place",
)
WEB_UNSENT_BYTES = Limit(
    "web_unsent_bytes",
    32 << 20,
    "bytes of responses that are being made or that their clients have not taken yet",
    "a client that has stopped reading is cut off, or 503",
    "two responses of 100,000 series, uncompressed; all who want the same at a time share one",
)
WEB_KEPT_BYTES = Limit(
    "web_kept_bytes",
    2 << 20,
    "bytes of a rendered page that is kept for whoever asks next",
    "it is rendered again",
    "100,000 series, compressed",
    lossless=True,
)
WEB_HEAD_BYTES = Limit(
    "web_head_bytes",
    16 << 10,
    "bytes of a request's head",
    "431, and the connection is closed",
    "as other servers have it",
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
    "a client that has stopped reading is cut off, or 503",
    "fewer than the connections, so that status is always answered",
)

# Findings, metrics, journal.

ORPHAN_SERIES = Limit(
    "orphan_series",
    100_000,
    "series of lo_orphan_vip",
    "those of value 0 are left out first, the rest is counted in lowatch_series_dropped_total",
    "100,000 names; 16 MB a scrape",
)
FINDING_SERIES = Limit(
    "finding_series",
    1_000,
    "series of lowatch_finding",
    "the least severe are left out, counted in lowatch_series_dropped_total",
    "lowatch_findings has the numbers; a thousand alerts are one incident",
)
DOMAIN_STATUS_SERIES = Limit(
    "domain_status_series",
    1_000,
    "series of lowatch_domain_status",
    "unknown names come first, the rest is counted in lowatch_series_dropped_total",
    "lowatch_domains has the numbers",
)
ACKNOWLEDGED_SERIES = Limit(
    "acknowledged_series",
    1_000,
    "series of lowatch_finding_acknowledged",
    "the least severe are left out, counted in lowatch_series_dropped_total",
    "lowatch_findings has the numbers",
)
JOURNAL_QUEUE = Limit(
    "journal_queue",
    512,
    "entries that wait for journald",
    "alerts are folded into summaries",
    "1 KiB each; with a burst, fewer than the 1,000 that the strictest usual rate limit lets through",
)
JOURNAL_SUMMARIES = Limit(
    "journal_summaries",
    64,
    "summaries that wait for journald, beside the entries",
    "alerts wait to be folded",
    "they hold 16,000 findings",
)
JOURNAL_BURST = Limit(
    "journal_burst",
    200,
    "entries of one severity in 30 s",
    "the others are folded into summaries, which name each",
    "a fifth of the strictest usual RateLimitBurst= of journald",
)
JOURNAL_BURST_OF_NAME = Limit(
    "journal_burst_of_name",
    32,
    "entries of one name in 30 s",
    "the others are folded into summaries, which name each",
    "a name has a few addresses; whoever owns one does not use up the burst of all others",
)
JOURNAL_FOLDED = Limit(
    "journal_folded",
    200_000,
    "alerts that wait to be folded into a summary",
    "the least severe are given up, counted in lowatch_journal_dropped_total",
    "all findings of 100,000 names, and all of them resolved; 20 MiB",
)
LOG_QUEUE_BYTES = Limit(
    "log_queue_bytes",
    1 << 20,
    "bytes of log lines that wait for whoever reads stderr",
    "the oldest are dropped, and counted in a line once it reads again",
    "10,000 lines: what a bad hour has to say",
)
HISTORY_LINE_BYTES = Limit(
    "history_line_bytes",
    8 << 20,
    "bytes of one journal entry that `lowatch history` reads",
    "the entry is skipped, and counted as unreadable",
    "the largest summary has 200 KiB",
)
HISTORY_OPEN = Limit(
    "history_open",
    100_000,
    "findings that `lowatch history` pairs with their end at once",
    "the oldest are shown without it",
    "all findings of 100,000 names; 100 MiB",
)

LIMITS: tuple[Limit, ...] = tuple(each for each in globals().values() if isinstance(each, Limit))
"""In the order in which they stand above."""
