"""`lowatch demo zero`: nobody has configured a name; lookups and refused programs tell everything."""

from __future__ import annotations

import errno
import json
import os
import sys
import time
from contextlib import suppress
from typing import Any

from lowatch.report.text.screen import Style

from . import privileged, stage
from .dns_server import OneName
from .dnstap_sender import DnstapSender, connected
from .narrator import since
from .story import DOMAIN, PORT, TTL, VIP, WEB, Story, tell

CONFIG = f"""\
hold = "1s"

[names]
learn = ["dnstap"]

[web]
listen = ["{WEB[0]}:{WEB[1]}"]
"""
UNIT = "shop.service"
PROGRAM = "nightly-backup"


class TellingServer(OneName):
    """Also tells lowatch what it answers, as unbound and BIND do."""

    sender: DnstapSender | None = None

    def answered(self, response: bytes, client: str) -> None:
        if self.sender is not None:
            self.sender.answered(response, client)


class Zero(Story):
    title = (
        "lowatch demo zero: no name is configured. Runs in its own network namespace; as root it also "
        "makes a cgroup and a tracefs instance, and removes them."
    )

    async def play(self) -> None:
        await self._begin()
        await self._start_watching()
        await self._use_the_shop()
        await self._move_the_service_away()
        await self._get_the_alert()
        await self._follow_the_advice()
        await self._stop_lowatch()

    async def _begin(self) -> None:
        self._narrator.scene("A host has a virtual IP on lo, and a web server there:")
        self._server = TellingServer(f"{DOMAIN}.", VIP, TTL)
        await self._set_the_stage(self._server)
        self._in_unit = self._stack.enter_context(privileged.unit(UNIT))
        await self._start_service(self._in_unit, f", in {UNIT}" if self._in_unit else "")

    async def _start_watching(self) -> None:
        self._narrator.scene("lowatch knows no name; the DNS server tells it what programs look up:")
        trace = self._stack.enter_context(privileged.trace())
        self._names_programs = trace is not None
        await self._start_lowatch(CONFIG, ["env", f"RUNTIME_DIRECTORY={stage.RUNTIME}"], trace)
        self._server.sender = await connected(stage.RUNTIME / "dnstap.sock")
        self._stack.callback(self._server.sender.close)
        if not self._names_programs:
            self._narrator.seen("no trace of the kernel", "only root gets one: programs stay unnamed")

    async def _use_the_shop(self) -> None:
        self._narrator.scene(
            f"A program looks {DOMAIN} up, and is served. From now on lowatch follows the name:"
        )
        await self._run_program("200")
        await self._until_orphan_vip_is(0)

    async def _move_the_service_away(self) -> None:
        self._narrator.scene("The service moves to another host. Its address stays, and the program fails:")
        self._narrator.seen(f"$ kill {self._service.pid}")
        self._service.terminate()
        await stage.ended(self._service)
        await self._run_program(os.strerror(errno.ECONNREFUSED))
        began = time.monotonic()
        finding = await self._until_a_client_counts()
        elapsed = since(began)
        refused = finding["refused"]
        names = ", ".join(f"{one['name']} (PID {one['pid']})" for one in refused["programs"])
        self._narrator.seen(
            f"{finding['kind']}: {finding['domain']} at {VIP}", f"{elapsed} after it was refused"
        )
        self._narrator.seen(f"local clients refused: {refused['count']}", names)
        last = finding["last_served"]
        self._narrator.seen(f"served until {last['until']}", f"by {last['unit'] or 'no unit'}")

    async def _get_the_alert(self) -> None:
        self._narrator.scene("After the hold time (1 s here) the alert goes to the journal:")
        await self._until_journal_has("firing", Style.RED)

    async def _follow_the_advice(self) -> None:
        self._narrator.scene("It has moved for good, so its address is removed:")
        await self._command("ip", "address", "del", f"{VIP}/32", "dev", "lo")
        await self._until_journal_has("resolved", Style.GREEN)

    async def _run_program(self, expected: str) -> None:
        command = stage.python("lowatch.cli.demo.web_client", PROGRAM, DOMAIN, str(PORT))
        _, output = await stage.run(command)
        self._narrator.seen(f"$ {PROGRAM}  # http://{DOMAIN}/", output.strip())
        if output.strip() != expected:
            raise stage.DemoError(f"the program got {output.strip()!r}, not {expected!r}")

    async def _until_a_client_counts(self) -> dict[str, Any]:
        """The finding, once it tells of the client, and of its program as root."""
        found: dict[str, Any] = {}

        async def has_it() -> bool:
            nonlocal found
            with suppress(OSError):
                _, body = await stage.get(*WEB, "/api/v1/findings")
                for finding in json.loads(body)["findings"]:
                    refused = finding["refused"] or {}
                    if refused.get("programs") or (refused and not self._names_programs):
                        found = finding
            return bool(found)

        await self._until("a finding told of the refused program", has_it)
        return found


if __name__ == "__main__":
    sys.exit(tell(Zero))
