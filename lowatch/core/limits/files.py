"""The limits of other files, and of the threads that read and write files."""

from __future__ import annotations

from .limit import Limit

WATCHED_FILES = Limit(
    "watched_files",
    64,
    "files that are watched individually",
    "their directories are watched instead; writes through another path are noticed within ten seconds",
    "each takes 3 path lookups and an inotify watch; 64 take the loop a millisecond",
    lossless=True,
)
STATE_FILE_BYTES = Limit(
    "state_file_bytes",
    64 << 20,
    "bytes of the state file",
    "it is set aside as damaged, and all findings start as new ones",
    "100,000 findings of 500 bytes",
)
STATE_VALUES = Limit(
    "state_values",
    5_000_000,
    "values in the state file: its commas and opening brackets",
    "it is set aside as damaged, and all findings start as new ones",
    "200,000 findings of 20; a file of brackets takes 20 times its size to read",
)
SNAPSHOT_BYTES = Limit(
    "snapshot_bytes",
    128 << 20,
    "bytes of a recorded snapshot",
    "the file is refused",
    "100,000 names and 10,000 addresses take 25 MiB",
)
SNAPSHOT_VALUES = Limit(
    "snapshot_values",
    4_000_000,
    "values in a recorded snapshot: its commas and opening brackets",
    "the file is refused",
    "100,000 names of 20; a file of brackets takes 20 times its size to read",
)
INTENT_BYTES = Limit(
    "intent_bytes",
    64 << 20,
    "bytes of alerts that are being sent and not yet saved as sent",
    "they are not written down: after a kill -9 an alert may be sent twice, or not be resolved",
    "200,000 alerts of 300 bytes, as many as may wait for journald",
)
THREADS = Limit(
    "threads",
    8,
    "threads that read and write files",
    "work that needs another one is postponed",
    "domain files, reload, state, hosts and file watching use one each; only a hanging disk needs more",
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
    "they have a few lines; glibc reads them at each change",
)
PROTOCOL_NAMES_BYTES = Limit(
    "protocol_names_bytes",
    256 << 10,
    "bytes of a file of iproute2 that names protocols (rt_protos, rt_addrprotos)",
    "its protocols are shown as numbers",
    "there are 256 of them",
)
PROTOCOL_NAMES_FILES = Limit(
    "protocol_names_files",
    100,
    "files in rt_protos.d or rt_addrprotos.d",
    "the protocols of the others are shown as numbers",
    "a package brings one",
)
UNDO_SCRIPT_BYTES = Limit(
    "undo_script_bytes",
    16 << 20,
    "bytes of an undo script of `lowatch clean`",
    "the script is refused",
    "50,000 addresses; it has all of an interface, for their order",
)
