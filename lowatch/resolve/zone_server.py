"""Asks a zone's local server, by UDP, which serial it has."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress

from lowatch.config.settings import Nameserver
from lowatch.wire.zone_serial import answers, serial_of, soa_query, soa_question

_TRIES = 3
_PATIENCE = 2.0
"""Seconds for each try."""


class ZoneServer:
    """Implements ZoneServer of app/zone_expiry.py. Holds no socket between two questions."""

    async def serial(self, server: Nameserver, zone: str) -> int | str:
        """The serial, or why there is none, in one line. zone: without its final dot."""
        try:
            question = soa_question(zone)
        except ValueError as error:
            return str(error)
        ident = int.from_bytes(os.urandom(2), "big")
        loop = asyncio.get_running_loop()
        address = (server.host, server.port)
        try:
            transport, waiting = await loop.create_datagram_endpoint(
                lambda: _Waiting(question, ident), remote_addr=address
            )
        except OSError as error:
            return error.strerror or str(error)
        try:
            for _ in range(_TRIES):
                transport.sendto(soa_query(question, ident))
                with suppress(TimeoutError):
                    async with asyncio.timeout(_PATIENCE):
                        return await asyncio.shield(waiting.answer)
            return "no answer"
        finally:
            waiting.answer.cancel()
            transport.abort()


class _Waiting(asyncio.DatagramProtocol):
    """answer: the serial, or why there is none."""

    def __init__(self, question: bytes, ident: int) -> None:
        self._question, self._ident = question, ident
        self.answer: asyncio.Future[int | str] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, _: object) -> None:
        if answers(data, self._question, self._ident) and not self.answer.done():
            self.answer.set_result(serial_of(data, self._question))

    def error_received(self, error: Exception) -> None:
        """Nobody listens there."""
        if not self.answer.done():
            self.answer.set_result(getattr(error, "strerror", None) or str(error))
