"""The demo's story, told from inside its namespace.

Every line it prints was just observed; it fails where something is not as it should be. Run it
through command.py: it lays an empty /run over the host's.
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path

from lowatch.report.text.screen import Style

from . import stage
from .dns_server import OneName
from .journal import Entry, journal
from .narrator import Narrator, narrator, since

VIP = "192.0.2.10"  # TEST-NET-1, RFC 5737
DOMAIN = "shop.example"  # RFC 2606
PORT = 80
TTL = 60
WEB = ("127.0.0.1", 10048)
CONFIG = f"""\
domains = ["{DOMAIN}:{PORT}"]
hold = "1s"

[dns]
nameservers = ["127.0.0.1"]

[web]
listen = ["{WEB[0]}:{WEB[1]}"]
"""
_LOG_LINES = 20
PATIENCE = 5.0  # seconds for any one thing to happen
ENDED_BY = 128  # plus the signal, as a shell has it


class Story:
    """Scene by scene. Processes and sockets live on the stack, and end with it."""

    def __init__(self, tell: Narrator, folder: Path, stack: AsyncExitStack) -> None:
        self._tell = tell
        self._stack = stack
        self._config = folder / "lowatch.toml"
        self._log = folder / "lowatch.log"
        self._service: subprocess.Popen[bytes]
        self._daemon: subprocess.Popen[bytes]
        self._entries: asyncio.Queue[Entry]

    async def play(self) -> None:
        await self._set_the_stage()
        await self._start_watching()
        await self._kill_the_service()
        await self._get_the_alert()
        await self._check_by_hand()
        await self._bring_it_back()
        await self._stop_watching()

    async def _set_the_stage(self) -> None:
        self._tell.scene(
            "A host has a virtual IP on lo. A domain resolves to it, and a web server serves it:"
        )
        stage.hide_run()
        stage.resolve_by("127.0.0.1")
        self._entries = await self._stack.enter_async_context(journal(stage.JOURNAL_SOCKET))
        await self._command("ip", "link", "set", "lo", "up")
        await self._command("ip", "address", "add", f"{VIP}/32", "dev", "lo")
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: OneName(f"{DOMAIN}.", VIP, TTL), local_addr=("127.0.0.1", 53)
        )
        self._stack.callback(transport.close)
        self._tell.seen(f"{DOMAIN}. {TTL} IN A {VIP}", "the demo's own DNS server")
        await self._start_service()
        status, _ = await stage.get(VIP, PORT, "/")
        self._tell.seen(f"GET http://{VIP}/", f"{status}")

    async def _start_watching(self) -> None:
        self._tell.scene("lowatch watches the domain and exports a metric for it:")
        self._config.write_text(CONFIG)
        log = self._stack.enter_context(self._log.open("wb"))
        began = time.monotonic()
        self._daemon = await self._stack.enter_async_context(
            stage.child(stage.python("lowatch", "run", "-c", str(self._config)), output=log)
        )
        await self._until("it was ready", self._is_ready)
        self._tell.seen("$ lowatch run -c lowatch.toml &", f"ready after {since(began)}")
        await self._until_orphan_vip_is(0)

    async def _kill_the_service(self) -> None:
        self._tell.scene("The web server dies. Its address stays on lo, so connections still end up here:")
        self._tell.seen(f"$ kill -9 {self._service.pid}")
        began = time.monotonic()
        self._service.kill()
        await self._until_orphan_vip_is(1)
        self._tell.seen("", f"{since(began)} after the kill")
        try:
            await stage.get(VIP, PORT, "/")
        except ConnectionRefusedError:
            self._tell.seen(f"GET http://{VIP}/", "refused, although another host may serve it")
        else:
            raise stage.DemoError("the web server was killed, but something still answers")

    async def _get_the_alert(self) -> None:
        self._tell.scene(
            "After the hold time (1 s here) the finding fires, and the alert goes to the journal:"
        )
        await self._until_journal_has("firing", Style.RED)

    async def _check_by_hand(self) -> None:
        self._tell.scene("`lowatch check` shows the cause and the fix:")
        self._tell.seen("$ lowatch check -c lowatch.toml")
        command = stage.python("lowatch", "check", "-c", str(self._config))
        code, output = await stage.run(command, columns=self._tell.quoted_width)
        self._tell.quoted(output)
        self._tell.seen("$ echo $?", str(code))
        if code != 1 or "orphan-vip" not in output:
            raise stage.DemoError(f"lowatch check exited with {code}, not with 1 and an orphan-vip")

    async def _bring_it_back(self) -> None:
        self._tell.scene("The web server comes back, and the finding is resolved:")
        await self._start_service()
        began = time.monotonic()
        await self._until_orphan_vip_is(0)
        self._tell.seen("", f"{since(began)} after it listened")
        await self._until_journal_has("resolved", Style.GREEN)

    async def _stop_watching(self) -> None:
        self._daemon.terminate()
        code = await stage.ended(self._daemon)
        if code:
            raise stage.DemoError(f"lowatch run exited with {code} on SIGTERM")

    async def _start_service(self) -> None:
        self._service = await self._stack.enter_async_context(
            stage.child(stage.python("lowatch.cli.demo.web_server", VIP, str(PORT)))
        )
        assert self._service.stdout is not None
        await stage.readable(self._service.stdout.fileno())
        line = self._service.stdout.readline().decode().strip()
        if line != "listening":
            raise stage.DemoError(f"the web server did not start: {line}")
        self._tell.seen("$ ./web-server &", f"process {self._service.pid}, on {VIP}:{PORT}")

    async def _command(self, *command: str) -> None:
        code, output = await stage.run(command)
        if code:
            raise stage.DemoError(f"{' '.join(command)}: {output.strip()}")
        self._tell.seen(f"$ {' '.join(command)}")

    async def _until_orphan_vip_is(self, value: int) -> None:
        """Scrape without a pause until the metric has that value."""
        series = ""

        async def has_it() -> bool:
            nonlocal series
            with suppress(OSError):  # the daemon ended: _until tells
                status, exposition = await stage.get(*WEB, "/metrics")
                if status != 200:
                    raise self._daemon_failed(f"GET /metrics: {status}")
                series, found = stage.sample(exposition, "lo_orphan_vip", DOMAIN)
                return found == value
            return False

        await self._until(f"lo_orphan_vip was {value}", has_it)
        self._tell.seen(f"{series} {value}", style=Style.RED if value else Style.GREEN)

    async def _is_ready(self) -> bool:
        with suppress(OSError):
            if (await stage.get(*WEB, "/-/ready"))[0] == 200:
                return True
        await asyncio.sleep(0.01)  # nothing tells when a port will be listened on
        return False

    async def _until_journal_has(self, state: str, style: Style) -> None:
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
        self._tell.entry(entry, style)

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


async def _play(tell: Narrator) -> None:
    with tempfile.TemporaryDirectory(prefix="lowatch-demo-") as folder:
        async with AsyncExitStack() as stack:
            await Story(tell, Path(folder), stack).play()


def main() -> int:
    """0 when all went as it should, 1 when not, 130 or 143 when told to stop."""
    by = signal.SIGINT

    def on_sigterm(*_: object) -> None:
        nonlocal by
        by = signal.SIGTERM
        signal.raise_signal(signal.SIGINT)  # which asyncio.run makes a cancellation

    signal.signal(signal.SIGTERM, on_sigterm)
    tell = narrator()
    began = time.monotonic()
    tell.title("lowatch demo: runs in its own network namespace; nothing outside is touched.")
    try:
        asyncio.run(_play(tell))
    except (stage.DemoError, OSError) as error:
        print(f"lowatch demo: failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"lowatch demo: stopped by {by.name}; everything has been removed", file=sys.stderr)
        return ENDED_BY + by
    tell.end(f"All as expected, in {since(began)}. The namespace has been removed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
