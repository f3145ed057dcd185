"""Asking the C library with an /etc of one's own, in a child: it reads those files once a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from lowatch.core.addresses import parse_address
from lowatch.resolve.system.getaddrinfo import Seen
from tests.support.repository import ROOT
from tests.support.waiting import eventually

_CHILD = """
import ipaddress, json, os, sys
from lowatch.resolve.system.getaddrinfo import absolute_names, look_up
names, switches, absolute = json.load(sys.stdin)
if absolute:
    absolute_names()
for number, switch in enumerate(switches or [None]):
    if switch is not None:  # each a file of its own, so that it differs by its inode
        with open(f"/etc/nsswitch.{number}", "wb") as file:
            file.write(switch.encode("latin-1"))
        os.link(f"/etc/nsswitch.{number}", "/etc/nsswitch.new")
        os.rename("/etc/nsswitch.new", "/etc/nsswitch.conf")
    answers = {}
    for name in names:
        addresses, reason = look_up(name)
        texts = None if addresses is None else [str(ipaddress.ip_address(a)) for a in addresses]
        answers[name] = (texts, reason)
    print(json.dumps(answers), flush=True)
"""


def in_etc(etc: Path, *command: str) -> list[str]:
    """The command, run in this repository with that directory for /etc; or what to put before one."""
    inside = 'mount --bind "$1" /etc && cd "$2" && shift 2 && exec "$@"'
    return ["unshare", "--mount", "--", "sh", "-c", inside, "sh", str(etc), str(ROOT), *command]


def child(etc: Path, program: str) -> list[str]:
    """The command that runs a Python program with that directory for /etc."""
    return in_etc(etc, sys.executable, "-Wignore", "-c", program)


def no_lookup_left() -> None:
    """Wait for the thread of a lookup that was under way when nobody wanted to know any more."""
    eventually(lambda: not any(thread.name == "getaddrinfo" for thread in threading.enumerate()))


def write_etc(etc: Path, files: Mapping[str, bytes]) -> Path:
    etc.mkdir(exist_ok=True)
    for name, content in files.items():
        (etc / name).write_bytes(content)
    return etc


def getaddrinfo(
    etc: Path, names: Sequence[str], switches: Sequence[bytes] = (), *, absolute: bool = True
) -> list[dict[str, Seen]]:
    """What our look_up says of each name, in one process: once for each nsswitch.conf in turn.

    A process that dies of it has said less than it was asked.
    """
    asked = json.dumps([list(names), [switch.decode("latin-1") for switch in switches], absolute])
    environment = {name: value for name, value in os.environ.items() if name != "LOCALDOMAIN"}
    done = subprocess.run(
        child(etc, _CHILD),
        input=asked,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    said = [line for line in done.stderr.splitlines() if not line.startswith("/etc/host.conf: ")]
    assert not said, done.stderr  # glibc complains of a wrong line there, and goes on
    return [
        {
            name: Seen(None if texts is None else tuple(map(parse_address, texts)), reason)
            for name, (texts, reason) in json.loads(line).items()
        }
        for line in done.stdout.splitlines()
    ]
