"""The commands and the program's own help: all that `lowatch --help` needs, and it imports nothing."""

from __future__ import annotations

COMMANDS = {
    "check": ("check", "audit this host once"),
    "run": ("run", "run the daemon in the foreground"),
    "explain": ("explain", "show why a domain or an address has its verdict"),
    "snapshot": ("snapshot", "record an audit, to judge it again elsewhere"),
    "diff": ("diff", "show what changed between two recordings, or since one"),
    "config": ("config", "check or show the configuration"),
    "history": ("history", "list past alerts from the journal"),
    "status": ("status", "show the daemon's status"),
    "clean": ("clean", "show what would fix this host, and carry it out"),
    "ack": ("ack", "acknowledge a finding until a date"),
    "setup": ("setup.command", "install what a source of lookups needs"),
    "reload": ("reload", "reload the daemon's configuration"),
    "demo": ("demo.command", "show lowatch at work in a throwaway network namespace"),
}
"""By name: the module of lowatch.cli that has the command's define(), and its summary for the help.

The module is imported only when its command is chosen: a host in trouble waits half as long.
"""

_HELP = """\
usage: lowatch [-h] [--version] [--log.level {debug,info,warn,error}]
               [--log.format {text,logfmt,json}]
               COMMAND ...

Finds virtual IPs left behind on lo: domains that resolve to this host although
nothing here serves them.

commands:
%s

options:
  -h, --help            show this help message and exit
  --version             show program's version number and exit
  --log.level {debug,info,warn,error}
                        log level on stderr
  --log.format {text,logfmt,json}
                        log format; default: text
"""


def program_help() -> str:
    return _HELP % "\n".join(f"    {name:<20}{summary}" for name, (_, summary) in COMMANDS.items())
