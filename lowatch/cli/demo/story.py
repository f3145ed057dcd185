"""A story of the demo, which runs inside its namespaces.

It prints only what it has just observed, and fails if something is unexpected. Start it only through
command.py, because it mounts an empty /run.
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import ClassVar

from lowatch.report.text.screen import Style

from . import stage
from .dns_server import OneName
from .journal import Entry, journal
from .narrator import Narrator, since, stdout_narrator

VIP = "192.0.2.10"  # TEST-NET-1, RFC 5737
DOMAIN = "shop.example"  # RFC 2606
PORT = 80
TTL = 60
WEB = ("127.0.0.1", 10048)
_LOG_LINES = 20
PATIENCE = 5.0
"""Seconds to wait for each expected change."""
ENDED_BY = 128
"""Added to a signal's number, the exit code of a process that the signal ended, as in a shell."""


class Story(ABC):
    """Plays the scenes. Processes and sockets are on the stack, and end with it."""

    title: ClassVar[str]

    def __init__(self, narrator: Narrator, folder: Path, stack: AsyncExitStack) -> None:
        self._narrator = narrator
        self._stack = stack
        self._config = folder / "lowatch.toml"
        self._log = folder / "lowatch.log"
        self._service: subprocess.Popen[bytes]
        self._daemon: subprocess.Popen[bytes]
        self._entries: asyncio.Queue[Entry]

    @abstractmethod
    async def play(self) -> None: ...

    # What happens.

    async def _set_the_stage(self, server: OneName) -> None:
        """An empty /run with a journal's socket, the VIP on lo, and the DNS server that programs ask."""
        stage.hide_run()
        stage.resolve_by("127.0.0.1")
        self._entries = await self._stack.enter_async_context(journal(stage.JOURNAL_SOCKET))
        await self._command("ip", "link", "set", "lo", "up")
        await self._command("ip", "address", "add", f"{VIP}/32", "dev", "lo")
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: server, local_addr=("127.0.0.1", 53))
        self._stack.callback(transport.close)
        self._narrator.seen(f"{DOMAIN}. {TTL} IN A {VIP}", "the demo's own DNS server")

    async def _start_lowatch(
        self, config: str, prefix: Sequence[str] = (), trace: int | None = None
    ) -> None:
        """prefix: a command that runs its arguments. trace: a descriptor, its standard input."""
        self._config.write_text(config)
        log = self._stack.enter_context(self._log.open("wb"))
        began = time.monotonic()
        command = [*prefix, *stage.python("lowatch", "run", "-c", str(self._config))]
        self._daemon = await self._stack.enter_async_context(
            stage.child(command, output=log, standard_input=trace)
        )
        await self._until("it was ready", self._is_ready)
        self._narrator.seen("$ lowatch run -c lowatch.toml &", f"ready after {since(began)}")

    async def _stop_lowatch(self) -> None:
        self._daemon.terminate()
        code = await stage.ended(self._daemon)
        if code:
            raise stage.DemoError(f"lowatch run exited with {code} on SIGTERM")

    async def _start_service(self, prefix: Sequence[str] = (), remark: str = "") -> None:
        """prefix: a command that runs its arguments."""
        self._service = await self._stack.enter_async_context(
            stage.child([*prefix, *stage.python("lowatch.cli.demo.web_server", VIP, str(PORT))])
        )
        assert self._service.stdout is not None
        await stage.readable(self._service.stdout.fileno())
        line = self._service.stdout.readline().decode().strip()
        if line != "listening":
            raise stage.DemoError(f"the web server did not start: {line}")
        self._narrator.seen("$ ./web-server &", f"process {self._service.pid}, on {VIP}:{PORT}{remark}")

    async def _command(self, *command: str) -> None:
        code, output = await stage.run(command)
        if code:
            raise stage.DemoError(f"{' '.join(command)}: {output.strip()}")
        self._narrator.seen(f"$ {' '.join(command)}")

    # What is expected of it.

    async def _until_orphan_vip_is(self, value: int) -> None:
        """Scrape without a pause until the metric has the value."""
        series = ""

        async def has_it() -> bool:
            nonlocal series
            with suppress(OSError):  # the daemon has ended, which _until() reports
                status, exposition = await stage.get(*WEB, "/metrics")
                if status != 200:
                    raise self._daemon_failed(f"GET /metrics: {status}")
                series, found = stage.sample(exposition, "lo_orphan_vip", DOMAIN, PORT)
                return found == value
            return False

        await self._until(f"lo_orphan_vip was {value}", has_it)
        self._narrator.seen(f"{series} {value}", style=Style.RED if value else Style.GREEN)

    async def _is_ready(self) -> bool:
        with suppress(OSError):
            if (await stage.get(*WEB, "/-/ready"))[0] == 200:
                return True
        await asyncio.sleep(0.01)  # nothing reports that a port is listened on
        return False

    async def _until_journal_has(self, state: str, style: Style) -> Entry:
        """The alert, which is shown."""
        entry: Entry = {}

        async def has_it() -> bool:
            nonlocal entry
            with suppress(TimeoutError):
                async with asyncio.timeout(0.1):
                    entry = await self._entries.get()
            return bool(entry)

        await self._until(f"the journal had a {state} alert", has_it)
        if (entry.get("LOWATCH_KIND"), entry.get("LOWATCH_STATE")) != ("orphan-vip", state):
            raise stage.DemoError(f"not a {state} orphan-vip: {entry}")
        self._narrator.entry(entry, style)
        return entry

    async def _until(self, what: str, holds: Callable[[], Awaitable[bool]]) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                while not await holds():
                    if self._daemon.poll() is not None:
                        raise self._daemon_failed(f"lowatch run exited before {what}")
        except TimeoutError:
            raise self._daemon_failed(f"not within {PATIENCE:.0f} s: {what}") from None

    def _daemon_failed(self, what: str) -> stage.DemoError:
        said = self._log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
        return stage.DemoError("\n".join([f"{what}; end of its log:", *said] if said else [what]))


async def _play(story: type[Story], narrator: Narrator) -> None:
    with tempfile.TemporaryDirectory(prefix="lowatch-demo-") as folder:
        async with AsyncExitStack() as stack:
            await story(narrator, Path(folder), stack).play()


def tell(story: type[Story]) -> int:
    """Returns 0 on success, 1 on failure, 130 or 143 when stopped by SIGINT or SIGTERM."""
    by = signal.SIGINT

    def on_sigterm(*_: object) -> None:
        nonlocal by
        by = signal.SIGTERM
        signal.raise_signal(signal.SIGINT)  # asyncio.run() turns it into a cancellation

    signal.signal(signal.SIGTERM, on_sigterm)
    narrator = stdout_narrator()
    began = time.monotonic()
    narrator.title(story.title)
    try:
        asyncio.run(_play(story, narrator))
    except (stage.DemoError, OSError) as error:
        print(f"lowatch demo: failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"lowatch demo: stopped by {by.name}; everything has been removed", file=sys.stderr)
        return ENDED_BY + by
    narrator.end(f"All as expected, in {since(began)}. The namespace has been removed.")
    return 0
