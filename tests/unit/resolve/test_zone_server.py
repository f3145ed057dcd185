"""Asking a zone's server, over real sockets."""

from __future__ import annotations

import pytest

from lowatch.config.settings import Nameserver
from lowatch.resolve import zone_server as module
from lowatch.resolve.zone_server import ZoneServer
from tests.support.aio import run_async
from tests.support.dns_server import Query, ScriptedServer, free_port, respond

SOA = "corp.example. 60 IN SOA ns.corp.example. root.corp.example. 7 3600 900 604800 60"


def test_a_serial() -> None:
    async def scenario() -> None:
        async with ScriptedServer(lambda query: [respond(query, SOA)]) as server:
            assert await ZoneServer().serial(server.nameserver, "corp.example") == 7
            assert [(one.name, one.rrtype) for one in server.queries] == [("corp.example", "SOA")]

    run_async(scenario())


def test_why_there_is_none() -> None:
    async def scenario() -> None:
        async with ScriptedServer(lambda query: [respond(query, rcode="SERVFAIL")]) as server:
            assert await ZoneServer().serial(server.nameserver, "corp.example") == "SERVFAIL"
        nobody = Nameserver("127.0.0.1", free_port())
        assert await ZoneServer().serial(nobody, "corp.example") == "Connection refused"
        assert "not a domain name" in str(await ZoneServer().serial(nobody, "a..example"))

    run_async(scenario())


def test_it_asks_again_and_then_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 0.05)

    async def scenario() -> None:
        async with ScriptedServer(lambda _: []) as silent:
            assert await ZoneServer().serial(silent.nameserver, "corp.example") == "no answer"
            assert len(silent.queries) == 3

        def second(query: Query) -> list[bytes]:
            other = respond(query, SOA)
            stray = bytes((other[0] ^ 1,)) + other[1:]
            return [stray] if len(server.queries) == 1 else [stray, other]

        async with ScriptedServer(second) as server:
            assert await ZoneServer().serial(server.nameserver, "corp.example") == 7

    run_async(scenario())
