"""A control socket that is served, in a directory of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from lowatch.report.status import DaemonStatus
from lowatch.service.http.control_socket import control_listening, control_server
from lowatch.service.http.routes import (
    ControlPages,
    build_control_routes,
)
from tests.unit.core.recording.samples import recording
from tests.unit.report.audit_worlds import bad_night
from tests.unit.report.status_worlds import in_trouble
from tests.unit.service.given_pages import (
    GivenAudits,
    GivenRecordings,
    GivenReload,
    GivenSchedules,
    GivenServed,
    reloaded,
)

from .http_clients import Answer, Client


class Controlled:
    """path: the socket. pages: what it serves, to be replaced before it is served."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.path = directory / "lowatch.sock"
        self.recordings = GivenRecordings(recording())
        audits = GivenAudits(bad_night())
        self.pages = ControlPages(
            audits, self, GivenReload(reloaded), self.recordings, GivenServed(), GivenSchedules()
        )
        self.shown: DaemonStatus = in_trouble()
        self.clients: list[Client] = []

    def status(self) -> DaemonStatus:
        """Is what the pages show."""
        return self.shown

    async def client(self) -> Client:
        made = Client(*await asyncio.open_unix_connection(self.path))
        self.clients.append(made)
        return made

    async def get(self, path: str, *, method: str = "GET") -> Answer:
        return await (await self.client()).get(path, method=method)

    @asynccontextmanager
    async def served(self) -> AsyncIterator[None]:
        """At the end it must close at once; and so do the clients."""
        with control_listening(self.directory) as listeners:
            async with asyncio.TaskGroup() as tasks:
                server = control_server(build_control_routes(self.pages))
                task = tasks.create_task(server.serve(listeners))
                try:
                    yield
                finally:
                    task.cancel()
                    _, pending = await asyncio.wait([task], timeout=1)
                    for client in self.clients:
                        await client.close()
                assert not pending
