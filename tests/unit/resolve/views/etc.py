"""An /etc of the test's own, the views over it, and what they tell."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Container, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from lowatch.core.addresses import NO_LOCAL_PREFIXES, Address, LocalPrefixes, parse_address
from lowatch.resolve.system.getaddrinfo import AddressLookups, Looked, LookupThread, Seen
from lowatch.resolve.system.name_service_files import NamePaths
from lowatch.resolve.views.resolver import ViewsResolver
from tests.support.virtual_time import LoopClock
from tests.unit.resolve.given_dns import GivenDns


def addresses(*texts: str) -> tuple[Address, ...]:
    return tuple(sorted(map(parse_address, texts)))


class ScriptedLookups:
    """AddressLookups without a thread, for virtual time: `look_up` answers at once.

    hanging: the names for which no answer comes.
    """

    def __init__(self, look_up: Callable[[str], Seen], hanging: Container[str]) -> None:
        self._look_up = look_up
        self._hanging = hanging

    def another(self) -> ScriptedLookups:
        return ScriptedLookups(self._look_up, self._hanging)

    async def idle(self) -> None:
        pass

    def ask(self, name: str) -> asyncio.Future[Looked]:
        answered: asyncio.Future[Looked] = asyncio.get_running_loop().create_future()
        seen = self._look_up(name)
        if name not in self._hanging:
            answered.set_result(Looked(seen))
        return answered

    def close(self) -> None:
        pass


class Etc:
    """An /etc, and the ViewsResolver that reads it.

    seen: what getaddrinfo returns. hanging: names for which it never does, without a thread.
    """

    def __init__(self, directory: Path) -> None:
        self.hosts = directory / "hosts"
        self.nsswitch = directory / "nsswitch.conf"
        self.host_conf = directory / "host.conf"
        self.host_conf.write_text("multi on\n")
        self.resolv_conf = directory / "resolv.conf"
        self.resolved, self.nscd = directory / "resolved", directory / "nscd"
        self.seen: dict[str, Seen] = {}
        self.hanging: set[str] = set()
        self.looked_up: list[str] = []

    def look_up(self, name: str) -> Seen:
        self.looked_up.append(name)
        return self.seen.get(name, Seen(None, "nobody was asked"))

    def views(
        self,
        dns: GivenDns,
        domains: Iterable[str] = (),
        local: LocalPrefixes = NO_LOCAL_PREFIXES,
        *,
        threads: bool = True,
    ) -> ViewsResolver:
        """threads: look names up in a thread, as the daemon does. Virtual time needs it to be False."""
        lookups: AddressLookups
        lookups = LookupThread(self.look_up) if threads else ScriptedLookups(self.look_up, self.hanging)
        sockets = (self.resolved, self.nscd)
        paths = NamePaths(self.hosts, self.nsswitch, self.host_conf, self.resolv_conf, *sockets)
        return ViewsResolver(dns, domains or dns.answers, LoopClock(), local, paths, lookups)


class Changes:
    def __init__(self) -> None:
        self.domains: list[str] = []
        self._event = asyncio.Event()

    def answer_changed(self, domain: str) -> None:
        self.domains.append(domain)
        self._event.set()

    async def until(self, done: Callable[[], bool]) -> None:
        """Wait until a change brings it about. run_async and run_virtually have the deadline."""
        while not done():
            self._event.clear()
            await self._event.wait()

    async def another(self) -> None:
        """Wait for one change more."""
        count = len(self.domains)
        await self.until(lambda: len(self.domains) > count)


@asynccontextmanager
async def running(views: ViewsResolver) -> AsyncIterator[Changes]:
    changes = Changes()
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(views.run(changes))
        try:
            await views.settled()
            yield changes
        finally:
            task.cancel()
