"""systemd-resolved's monitor: opened to lowatch.service, and to nothing else.

From systemd 253 on it asks polkit. Before, it is for root alone: a proxy passes lowatch's connections on.
"""

from __future__ import annotations

import stat
from pathlib import Path

from .plan import RELOAD, RESTART, OptInFile, SetupPlan, exists

_MONITOR = "run/systemd/resolve/io.systemd.Resolve.Monitor"
_RULES = "etc/polkit-1/rules.d"

RULE = OptInFile(
    "/etc/polkit-1/rules.d/50-lowatch-resolved.rules",
    """\
// By `lowatch setup resolved`: lowatch.service may see what this host looks up.
polkit.addRule(function(action, subject) {
    if (action.id == "org.freedesktop.resolve1.subscribe-query-results" &&
        subject.system_unit == "lowatch.service") {
        return polkit.Result.YES;
    }
});
""",
)
SOCKET = OptInFile(
    "/etc/systemd/system/lowatch-resolved.socket",
    """\
# By `lowatch setup resolved`: the group lowatch may see what this host looks up.
[Unit]
Description=Lookups of this host, for lowatch

[Socket]
ListenStream=/run/lowatch-resolved.sock
SocketGroup=lowatch
SocketMode=0660
RemoveOnStop=yes

[Install]
WantedBy=sockets.target
""",
)
PROXY = OptInFile(
    "/etc/systemd/system/lowatch-resolved.service",
    """\
# By `lowatch setup resolved`: resolved's monitor is for root alone, and asks nobody.
[Unit]
Description=Passes lookups of this host on to lowatch
Requires=lowatch-resolved.socket

[Service]
ExecStart=/usr/lib/systemd/systemd-socket-proxyd --connections-max=8 \\
    /run/systemd/resolve/io.systemd.Resolve.Monitor
CapabilityBoundingSet=CAP_DAC_OVERRIDE
NoNewPrivileges=yes
PrivateNetwork=yes
PrivateTmp=yes
ProtectHome=yes
ProtectSystem=strict
RestrictAddressFamilies=AF_UNIX
SystemCallFilter=@system-service
""",
)
_UNITS = ("lowatch-resolved.socket", "lowatch-resolved.service")


def plan(root: Path, *, installed: bool) -> SetupPlan:
    """root: of the host. installed: what to take away, whatever this host would need now."""
    rule = SetupPlan((RULE,), commands=(RESTART,), after_undo=(RESTART,))
    if installed:
        if not exists(root, RULE.path):
            return _PROXIED
        # Both: it was installed before an upgrade of systemd, and after it.
        return _PROXIED._replace(files=(RULE, *_PROXIED.files)) if exists(root, SOCKET.path) else rule
    if not (root / _MONITOR).exists():
        hint = "systemd-resolved does not run here: names are learned once it does"
        return _PROXIED._replace(hints=(hint,))
    return rule if _asks_polkit(root) else _PROXIED


_PROXIED = SetupPlan(
    (SOCKET, PROXY),
    commands=(RELOAD, ("systemctl", "enable", "--now", _UNITS[0]), RESTART),
    before_undo=(("systemctl", "disable", "--now", *_UNITS),),
    after_undo=(RELOAD, RESTART),
)


def _asks_polkit(root: Path) -> bool:
    """Whether everybody may connect, so that polkit decides, and polkit is there."""
    mode = (root / _MONITOR).stat().st_mode
    return bool(mode & stat.S_IWOTH) and (root / _RULES).is_dir()
