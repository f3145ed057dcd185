"""trace: root makes a tracefs instance at each boot, and systemd hands it to lowatch."""

from __future__ import annotations

import re
from pathlib import Path

from lowatch.cli.exit_codes import FAILURE, CommandError
from lowatch.kernel.saved_names import BOUND

from .plan import RELOAD, RESTART, OptInFile, SetupPlan, exists

_INSTANCES = "/sys/kernel/tracing/instances"
_INSTANCE = f"{_INSTANCES}/lowatch"
_EVENT = "events/sock/inet_sock_set_state"
WRITTEN = (
    ("trace_clock", "mono"),
    (f"{_EVENT}/filter", "(oldstate==2&&newstate==7)||newstate==10"),
    (f"{_EVENT}/enable", "1"),
)
"""The files of an instance that make it a trace, and what they hold."""
_NAMES = "/sys/kernel/tracing/saved_cmdlines"
_HIDDEN_AGAIN = ("chmod", "0440", _NAMES)
_WRITES = "\n".join(f"w {_INSTANCE}/{file} - - - - {value}" for file, value in WRITTEN)

# The same as in packaging/tmpfiles.d and packaging/systemd/lowatch.service.d.
INSTANCE = OptInFile(
    "/etc/tmpfiles.d/lowatch-trace.conf",
    f"""\
# By `lowatch setup trace`: connects that fail, and sockets that begin to listen. Only root may open it.
d {_INSTANCE} 0700 root root
{_WRITES}
# The names of their threads, for lowatch: /sys/kernel/tracing itself stays root's.
z {_NAMES} 0444
""",
)
_BEGINNING = f"""\
# By `lowatch setup trace`: systemd opens it as root; lowatch has no more privileges than before.
[Service]
BindReadOnlyPaths=-{_NAMES}:{BOUND}
"""
DROP_IN = OptInFile(
    "/etc/systemd/system/lowatch.service.d/trace.conf",
    f"{_BEGINNING}OpenFile={_INSTANCE}/trace_pipe:trace:read-only,graceful\n",
)
_OPEN_FILE_SINCE = 253
# Its ExecReload= would open the file as well, which has one reader at a time since Linux 6.5.
DROP_IN_BEFORE = DROP_IN._replace(
    content=f"{_BEGINNING}StandardInput=file:{_INSTANCE}/trace_pipe\nExecReload=\n"
)
"""For systemd 252, and one of unknown version: newer ones understand it too."""
_LIBRARIES = ("usr/lib", "usr/lib64", "usr/lib/*")
_LIBRARY = re.compile("libsystemd-shared-([0-9]{1,9})")


def plan(root: Path, *, installed: bool) -> SetupPlan:
    """root: of the host. installed: what to take away.

    Raises CommandError where the kernel has no tracefs: the service would not start with these files.
    """
    if not (installed or exists(root, _INSTANCES)):
        raise CommandError(
            FAILURE, [f"lowatch: no {_INSTANCES}: this kernel has no tracefs, or none mounted"]
        )
    service = drop_in(root)
    return SetupPlan(
        (INSTANCE, service),
        checks=((("systemd-tmpfiles", "--create", INSTANCE.path), service),),
        commands=(RELOAD, RESTART),
        after_undo=(
            RELOAD,
            RESTART,
            *((("rmdir", _INSTANCE),) if exists(root, _INSTANCE) else ()),
            *((_HIDDEN_AGAIN,) if exists(root, _NAMES) else ()),
            ("rm", "-f", str(BOUND)),
        ),
    )


def drop_in(root: Path) -> OptInFile:
    """That for the host's systemd."""
    named = (
        _LIBRARY.match(file.name)
        for directory in _LIBRARIES
        for file in root.glob(f"{directory}/systemd/libsystemd-shared-*.so")
    )
    version = min((int(one[1]) for one in named if one), default=0)
    return DROP_IN if version >= _OPEN_FILE_SINCE else DROP_IN_BEFORE
