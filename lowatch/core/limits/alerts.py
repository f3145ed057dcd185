"""The limits of findings in metrics, the journal, logs and history."""

from __future__ import annotations

from .limit import Limit

ORPHAN_SERIES = Limit(
    "orphan_series",
    100_000,
    "series of lo_orphan_vip",
    "series with value 0 are left out first, counted in lowatch_series_dropped_total",
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
    "unknown domains come first, the rest is counted in lowatch_series_dropped_total",
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
    "the others are folded into summaries that list each",
    "a fifth of the strictest usual RateLimitBurst= of journald",
)
JOURNAL_BURST_OF_NAME = Limit(
    "journal_burst_of_name",
    32,
    "entries of one domain in 30 s",
    "the others are folded into summaries that list each",
    "a name has a few addresses; the owner of one must not use up the burst of all others",
)
JOURNAL_FOLDED = Limit(
    "journal_folded",
    200_000,
    "alerts that wait to be folded into a summary",
    "the least severe are dropped, and counted in lowatch_journal_dropped_total",
    "all findings of 100,000 names, and their resolutions; 20 MiB",
)
LOG_QUEUE_BYTES = Limit(
    "log_queue_bytes",
    1 << 20,
    "bytes of log lines that wait for the reader of stderr",
    "the oldest are dropped, and their number is logged later",
    "10,000 lines: the log of a bad hour",
)
HISTORY_LINE_BYTES = Limit(
    "history_line_bytes",
    8 << 20,
    "bytes of one field of a journal entry that `lowatch history` reads",
    "the entry is skipped, and counted as unreadable",
    "the largest summary has 200 KiB",
)
HISTORY_OPEN = Limit(
    "history_open",
    100_000,
    "findings that `lowatch history` pairs with their end at a time",
    "the oldest are shown without it",
    "all findings of 100,000 domains; 100 MiB",
)
