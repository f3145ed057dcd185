"""All metric families. Names and labels never change, because other people's alerts use them.

Conventions: https://prometheus.io/docs/practices/naming/ (base units, `_total` on counters only,
timestamps rather than ages).
"""

from __future__ import annotations

from typing import Literal, NamedTuple


class Family(NamedTuple):
    """A metric family. help: one line, shown by Prometheus beside the name."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()


LO_ORPHAN_VIP = Family(
    "lo_orphan_vip",
    "gauge",
    "Whether an expected port of a domain that resolves to an address held here is orphaned:"
    " 1 nothing serves it, 0 served.",
    ("interface", "address", "domain", "port", "protocol"),
)
FINDING = Family(
    "lowatch_finding",
    "gauge",
    "A finding of any kind but orphan-vip: 1 while it lasts.",
    ("kind", "severity", "state", "interface", "address", "domain"),
)
FINDINGS = Family("lowatch_findings", "gauge", "Findings by kind and state.", ("kind", "state"))
HELD_ADDRESSES = Family(
    "lowatch_held_addresses",
    "gauge",
    "Addresses and local routes held on watched interfaces.",
    ("interface", "family"),
)
FINDING_ACKNOWLEDGED = Family(
    "lowatch_finding_acknowledged",
    "gauge",
    "An acknowledged finding of any kind, for all of its ports: 1 while it lasts.",
    ("kind", "interface", "address", "domain"),
)
DOMAIN_STATUS = Family(
    "lowatch_domain_status",
    "gauge",
    "A domain that does not resolve (nxdomain, nodata), is unknown, or has only a stale answer: 1.",
    ("domain", "status"),
)
AUDIT_COMPLETE = Family(
    "lowatch_audit_complete",
    "gauge",
    "Whether the last audit could observe everything: 1 yes, 0 no.",
)
PROBLEMS = Family(
    "lowatch_problems",
    "gauge",
    "Problems of the last audit by source: not observed, or known only from an earlier answer.",
    ("source",),
)
DOMAINS = Family("lowatch_domains", "gauge", "Domains by resolution status.", ("status",))
LAST_AUDIT_TIMESTAMP = Family(
    "lowatch_last_audit_timestamp_seconds", "gauge", "Unix time of the last audit."
)

DNS_QUERIES = Family("lowatch_dns_queries_total", "counter", "DNS queries by outcome.", ("rcode",))
DNS_QUERY_DURATION = Family(
    "lowatch_dns_query_duration_seconds", "histogram", "Time from a DNS query to its answer."
)
DNS_LAG = Family(
    "lowatch_dns_lag_seconds",
    "histogram",
    "Delay from when a DNS lookup was due until it began. Above a second, max_qps is too low.",
)
DNS_PARSER_MISMATCHES = Family(
    "lowatch_dns_parser_mismatches_total",
    "counter",
    "DNS responses that the lean parser read differently from dnspython; one disables the lean parser.",
)
LOOP_LAG = Family(
    "lowatch_loop_lag_seconds",
    "histogram",
    "Duration of event loop turns. During a turn nothing else is answered or noticed.",
)
NETLINK_EVENTS = Family("lowatch_netlink_events_total", "counter", "Netlink events received.", ("group",))
NETLINK_OVERRUNS = Family(
    "lowatch_netlink_overruns_total", "counter", "Times the kernel dropped netlink events."
)
NETLINK_RESYNCS = Family(
    "lowatch_netlink_resyncs_total", "counter", "Times the kernel's state was dumped again."
)
NETLINK_FALLBACKS = Family(
    "lowatch_netlink_fallbacks_total",
    "counter",
    "Netlink messages that the lean decoder could not read, and pyroute2 did.",
)
REFUSED_CONNECTS = Family(
    "lowatch_refused_connects_total",
    "counter",
    "Connects of local clients to a held address that were refused, or got no answer; port 0: unknown.",
    ("interface", "address", "port"),
)
AUDITS = Family("lowatch_audits_total", "counter", "Audits completed.")
AUDIT_DURATION = Family("lowatch_audit_duration_seconds", "histogram", "Time an audit took.")
CONFIG_RELOAD_SUCCESSFUL = Family(
    "lowatch_config_last_reload_successful",
    "gauge",
    "Whether the last attempt to load the configuration succeeded.",
)
CONFIG_RELOAD_TIMESTAMP = Family(
    "lowatch_config_last_reload_success_timestamp_seconds",
    "gauge",
    "Unix time when the configuration was last loaded successfully.",
)
JOURNAL_DROPPED = Family(
    "lowatch_journal_dropped_total", "counter", "Alerts dropped because journald did not accept them."
)
SERIES_DROPPED = Family(
    "lowatch_series_dropped_total", "counter", "Series left out of scrapes because of a limit."
)
LIMIT_REACHED = Family(
    "lowatch_limit_reached_total",
    "counter",
    "Times a limit was reached; see docs/limits.md.",
    ("limit",),
)
RELOAD_PENDING = Family(
    "lowatch_reload_pending",
    "gauge",
    "A changed key that needs a restart: 1 until the restart, or until the old value is back.",
    ("key",),
)
BUILD_INFO = Family(
    "lowatch_build_info",
    "gauge",
    "Versions of lowatch, Python and its libraries, empty for one that is not used: always 1.",
    ("version", "python", "dnspython", "pyroute2"),
)

# The metrics that every Prometheus client library exports for its process:
# https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics
PROCESS_CPU = Family("process_cpu_seconds_total", "counter", "User and system CPU time spent.")
PROCESS_RESIDENT = Family("process_resident_memory_bytes", "gauge", "Resident memory size in bytes.")
PROCESS_VIRTUAL = Family("process_virtual_memory_bytes", "gauge", "Virtual memory size in bytes.")
PROCESS_START = Family("process_start_time_seconds", "gauge", "Unix time when the process was started.")
PROCESS_OPEN_FDS = Family("process_open_fds", "gauge", "Open file descriptors.")
PROCESS_MAX_FDS = Family("process_max_fds", "gauge", "Limit on open file descriptors.")

AUDIT_FAMILIES = (
    LO_ORPHAN_VIP,
    FINDING,
    FINDINGS,
    FINDING_ACKNOWLEDGED,
    HELD_ADDRESSES,
    DOMAINS,
    DOMAIN_STATUS,
    AUDIT_COMPLETE,
    PROBLEMS,
    LAST_AUDIT_TIMESTAMP,
)
DAEMON_FAMILIES = (
    DNS_QUERIES,
    DNS_QUERY_DURATION,
    DNS_LAG,
    DNS_PARSER_MISMATCHES,
    LOOP_LAG,
    NETLINK_EVENTS,
    NETLINK_OVERRUNS,
    NETLINK_RESYNCS,
    NETLINK_FALLBACKS,
    REFUSED_CONNECTS,
    AUDITS,
    AUDIT_DURATION,
    CONFIG_RELOAD_SUCCESSFUL,
    CONFIG_RELOAD_TIMESTAMP,
    RELOAD_PENDING,
    JOURNAL_DROPPED,
    SERIES_DROPPED,
    LIMIT_REACHED,
    BUILD_INFO,
)
PROCESS_FAMILIES = (
    PROCESS_CPU,
    PROCESS_RESIDENT,
    PROCESS_VIRTUAL,
    PROCESS_START,
    PROCESS_OPEN_FDS,
    PROCESS_MAX_FDS,
)
