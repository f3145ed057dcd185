"""The commands and the program's own help: all that `lowatch --help` needs, and it imports nothing."""

from __future__ import annotations

COMMANDS = {
    "check": ("check", "one audit, now"),
    "run": ("run", "the daemon"),
    "explain": ("explain", "why a verdict is what it is"),
    "config": ("config", "check or show the configuration"),
    "history": ("history", "what fired, and for how long"),
    "status": ("status", "show the daemon's status"),
    "reload": ("reload", "have the running daemon read its configuration again"),
    "demo": ("demo.command", "show it all in a throwaway network namespace"),
}
"""By name: the module of lowatch.cli that has the command's define(), and its summary for the help.

The module is imported only when its command is chosen: a host in trouble waits half as long.
"""

_HELP = """\
usage: lowatch [-h] [--version] [--log.level {debug,info,warn,error}]
               [--log.format {text,logfmt,json}]
               COMMAND ...

Finds virtual IPs left behind on lo: domains that resolve into this host, with
nobody serving them.

commands:
%s

options:
  -h, --help            show this help message and exit
  --version             show program's version number and exit
  --log.level {debug,info,warn,error}
                        how much to log on stderr
  --log.format {text,logfmt,json}
                        how log lines read; default: text
"""


def program_help() -> str:
    return _HELP % "\n".join(f"    {name:<20}{summary}" for name, (_, summary) in COMMANDS.items())
