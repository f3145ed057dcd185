"""The demo's own journal."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

from lowatch.cli.demo.journal import decode, journal
from lowatch.service.journal.socket import encode
from tests.support.aio import run_async

FIELDS = {"MESSAGE": "two\nlines = one entry", "PRIORITY": "3", "LOWATCH_FIX": ""}


def test_journal_entries_are_read_as_the_daemon_writes_them(tmp_path: Path) -> None:
    async def send_and_receive() -> dict[str, str]:
        path = tmp_path / "socket"
        async with journal(path) as entries:
            loop = asyncio.get_running_loop()
            transport, _ = await loop.create_datagram_endpoint(
                asyncio.DatagramProtocol, remote_addr=str(path), family=1
            )
            transport.sendto(encode(FIELDS))
            entry = await entries.get()
            transport.close()
            return entry

    assert run_async(send_and_receive()) == FIELDS
    assert decode(encode(FIELDS)) == FIELDS


FOREIGN = """
import asyncio, json
from systemd import journal as real
from lowatch.cli.demo import journal, stage

async def main():
    stage.hide_run()
    async with journal.journal(stage.JOURNAL_SOCKET) as entries:
        real.send("two\\nlines = one entry", PRIORITY="3", LOWATCH_FIX="")
        print(json.dumps(await entries.get()))

asyncio.run(main())
"""


def test_journal_entries_are_read_as_libsystemd_writes_them() -> None:
    """In a process of its own: libsystemd keeps its socket for ever."""
    command = ["unshare", "--mount", "--", sys.executable, "-c", FOREIGN]
    entry = json.loads(subprocess.check_output(command, timeout=10))
    assert {name: entry[name] for name in FIELDS} == FIELDS
