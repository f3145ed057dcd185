"""dnstap: resolvers may reach lowatch's socket, and unbound is told to write to it."""

from __future__ import annotations

import re
from pathlib import Path

from lowatch.core.limits.config import CONFIG_FILE_BYTES
from lowatch.files.regular_file import read_regular

from .plan import RELOAD, RESTART, OptInFile, SetupPlan

SOCKET = "/run/lowatch/dnstap.sock"
_UNBOUND = "etc/unbound/unbound.conf.d"
_BIND = "etc/bind"
_RUNS = "sys/fs/cgroup/system.slice/unbound.service"
_CHECKER = "usr/sbin/unbound-checkconf"
_CHECK = ("unbound-checkconf",)
_ENABLED = re.compile(rb"^[^#\n]*\bdnstap-enable:\s*\"?yes\b", re.MULTILINE)

DIRECTORY = OptInFile(
    "/etc/systemd/system/lowatch.service.d/dnstap.conf",
    """\
# By `lowatch setup dnstap`: resolvers run as users of their own. The control socket keeps its mode.
[Service]
RuntimeDirectoryMode=0755
""",
)
UNBOUND = OptInFile(
    "/etc/unbound/unbound.conf.d/lowatch.conf",
    f"""\
# By `lowatch setup dnstap`: lowatch sees what unbound answers to its clients.
dnstap:
    dnstap-enable: yes
    dnstap-socket-path: "{SOCKET}"
    dnstap-log-client-response-messages: yes
""",
)
BIND_OPTIONS = f'dnstap {{ client response; auth response; }}; dnstap-output unix "{SOCKET}";'
"""In the options { } of named.conf: BIND has no directory for additions to it."""


def plan(root: Path, *, installed: bool) -> SetupPlan:
    """root: of the host. installed: what to take away, whatever this host would need now."""
    has_unbound = (root / _UNBOUND).is_dir()
    other = _other_dnstap(root) if has_unbound and not installed else ""
    writes_unbound = has_unbound and not other
    hints = []
    change, where = ("remove", "from") if installed else ("add", "to")
    if (root / _BIND).is_dir():
        hints.append(f"BIND: {change} {where} the options of /etc/bind/named.conf.options: {BIND_OPTIONS}")
    for program, here in (("unbound", has_unbound), ("named", bool(hints))):
        if here and (root / f"etc/apparmor.d/usr.sbin.{program}").exists():
            hints.append(
                f"AppArmor: {change} `{SOCKET} rw,` {where} /etc/apparmor.d/local/usr.sbin.{program}, then "
                f"apparmor_parser --replace /etc/apparmor.d/usr.sbin.{program}"
            )
    if other:
        hints.append(
            f'unbound: {other} has its own dnstap: set dnstap-socket-path: "{SOCKET}" and '
            "dnstap-log-client-response-messages: yes there, then restart unbound"
        )
    if not has_unbound and not hints:
        hints.append(f"no unbound and no BIND here: point another resolver's dnstap at {SOCKET}")
    restart = (("systemctl", "try-restart", "unbound.service"),) if writes_unbound else ()
    # Of one that was never started it misses the trust anchor; and what does not run is not restarted.
    is_checked = writes_unbound and (root / _RUNS).is_dir() and (root / _CHECKER).exists()
    return SetupPlan(
        (DIRECTORY, UNBOUND) if writes_unbound else (DIRECTORY,),
        checks=((_CHECK, UNBOUND),) if is_checked else (),
        commands=(RELOAD, RESTART, *restart),
        after_undo=(RELOAD, RESTART, *((_CHECK,) if is_checked else ()), *restart),
        hints=tuple(hints),
    )


def _other_dnstap(root: Path) -> str:
    """The other file that has unbound write dnstap, which it does to one place; "" if there is none."""
    for file in sorted((root / _UNBOUND).glob("*.conf")):
        name = f"/{file.relative_to(root)}"
        try:
            if name != UNBOUND.path and _ENABLED.search(read_regular(file, CONFIG_FILE_BYTES)):
                return name
        except OSError:
            continue  # unbound-checkconf says what is wrong with it
    return ""
