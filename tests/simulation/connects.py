"""The confirming connect in a simulated world. It is answered at once, late or never."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from lowatch.core.known import Unknown
from lowatch.core.listeners import Connect, ConnectOutcome, Endpoint, LateAnswers

from .faults import Faults
from .kernel import Kernel, Nat
from .loop import VirtualLoop

_ROUND_TRIP, _MOMENT, _PATIENCE, _SLOW = 0.0002, 0.05, 3.4, 1.2
"""Seconds: see kernel/probe.py."""


class SimulatedProber:
    """Implements app.ports.Prober."""

    def __init__(self, kernel: Kernel, faults: Faults, loop: VirtualLoop) -> None:
        self._kernel = kernel
        self._faults = faults
        self._loop = loop
        self._open: set[asyncio.TimerHandle] = set()

    async def connect(self, endpoints: Sequence[Endpoint], late: LateAnswers) -> list[ConnectOutcome]:
        met = [self._meet(endpoint, late) for endpoint in endpoints]
        await asyncio.sleep(_MOMENT if Connect.PENDING in met else _ROUND_TRIP)
        return met

    def _meet(self, endpoint: Endpoint, late: LateAnswers) -> ConnectOutcome:
        if self._faults.has("no connects"):
            return Unknown("connect", "Too many open files")
        met = self._kernel.connect(endpoint)
        if isinstance(met, Connect):
            return met
        silent = met is Nat.SILENT
        self._answer_later(
            endpoint, late, *((Connect.TIMED_OUT, _PATIENCE) if silent else (Connect.ACCEPTED, _SLOW))
        )
        return Connect.PENDING

    def _answer_later(self, endpoint: Endpoint, late: LateAnswers, met: Connect, seconds: float) -> None:
        def answered(number: int) -> None:
            self._open.discard(handles[number])
            late.connect_answered(endpoint, met)

        handles: list[asyncio.TimerHandle] = []
        handles.append(self._loop.call_later(seconds, partial(answered, 0)))
        self._open.add(handles[0])

    def close(self) -> None:
        for handle in self._open:
            handle.cancel()
        self._open.clear()


class AllSeeing:
    """A Prober for the audit to compare with. It knows the final outcome of each connect."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    async def connect(self, endpoints: Sequence[Endpoint], late: LateAnswers) -> list[ConnectOutcome]:
        await asyncio.sleep(0)
        return [self._meet(endpoint) for endpoint in endpoints]

    def _meet(self, endpoint: Endpoint) -> ConnectOutcome:
        met = self._kernel.connect(endpoint)
        if isinstance(met, Connect):
            return met
        return Connect.TIMED_OUT if met is Nat.SILENT else Connect.ACCEPTED
