"""`lowatch demo orphan`: the service of a domain that lowatch watches stops, and its address stays."""

from __future__ import annotations

import sys
import time

from lowatch.report.text.screen import Style

from . import stage
from .dns_server import OneName
from .narrator import since
from .story import DOMAIN, PORT, TTL, VIP, WEB, Story, tell

CONFIG = f"""\
domains = ["{DOMAIN}:{PORT}"]
hold = "1s"

[dns]
nameservers = ["127.0.0.1"]

[web]
listen = ["{WEB[0]}:{WEB[1]}"]
"""


class Orphan(Story):
    title = "lowatch demo: runs in its own network namespace; nothing outside is touched."

    async def play(self) -> None:
        await self._begin()
        await self._start_watching()
        await self._kill_the_service()
        await self._get_the_alert()
        await self._check_by_hand()
        await self._bring_it_back()
        await self._stop_lowatch()

    async def _begin(self) -> None:
        self._narrator.scene(
            "A host has a virtual IP on lo. A domain resolves to it, and a web server serves it:"
        )
        await self._set_the_stage(OneName(f"{DOMAIN}.", VIP, TTL))
        await self._start_service()
        status, _ = await stage.get(VIP, PORT, "/")
        self._narrator.seen(f"GET http://{VIP}/", f"{status}")

    async def _start_watching(self) -> None:
        self._narrator.scene("lowatch watches the domain and exports a metric for it:")
        await self._start_lowatch(CONFIG)
        await self._until_orphan_vip_is(0)

    async def _kill_the_service(self) -> None:
        self._narrator.scene(
            "The web server dies. Its address stays on lo, so connections still end up here:"
        )
        self._narrator.seen(f"$ kill -9 {self._service.pid}")
        began = time.monotonic()
        self._service.kill()
        await self._until_orphan_vip_is(1)
        self._narrator.seen("", f"{since(began)} after the kill")
        try:
            await stage.get(VIP, PORT, "/")
        except ConnectionRefusedError:
            self._narrator.seen(f"GET http://{VIP}/", "refused, although another host may serve it")
        else:
            raise stage.DemoError("the web server was killed, but something still answers")

    async def _get_the_alert(self) -> None:
        self._narrator.scene(
            "After the hold time (1 s here) the finding fires, and the alert goes to the journal:"
        )
        await self._until_journal_has("firing", Style.RED)

    async def _check_by_hand(self) -> None:
        self._narrator.scene("`lowatch check` shows the cause and the fix:")
        self._narrator.seen("$ lowatch check -c lowatch.toml")
        command = stage.python("lowatch", "check", "-c", str(self._config))
        code, output = await stage.run(command, columns=self._narrator.quoted_width)
        self._narrator.quoted(output)
        self._narrator.seen("$ echo $?", str(code))
        if code != 1 or "orphan-vip" not in output:
            raise stage.DemoError(f"lowatch check exited with {code}, not with 1 and an orphan-vip")

    async def _bring_it_back(self) -> None:
        self._narrator.scene("The web server comes back, and the finding is resolved:")
        await self._start_service()
        began = time.monotonic()
        await self._until_orphan_vip_is(0)
        self._narrator.seen("", f"{since(began)} after it listened")
        await self._until_journal_has("resolved", Style.GREEN)


if __name__ == "__main__":
    sys.exit(tell(Orphan))
