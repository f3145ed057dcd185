"""The confirming connect shows what local clients would get. It is made only where it is needed.

Each completed connect takes a slot of an accept queue, so one is made only where there is no socket, to
confirm an orphan before it is announced. TCP: a connect(). UDP: an empty datagram from a connected socket.
If nothing listens, the kernel answers with ICMP port unreachable (udp(7): ECONNREFUSED). On loopback it has
no rate limit (icmp_send() and icmpv4_xrlim_allow() in net/ipv4/icmp.c, and the same in IPv6).

A timeout is not a refusal: a firewall may drop packets, a lost SYN is sent again only after a second
(TCP_TIMEOUT_INIT), and a server behind NAT need not answer an empty datagram.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Iterable, Sequence
from contextlib import suppress

from lowatch.core.addresses import V4_LENGTH, format_address
from lowatch.core.known import Unknown
from lowatch.core.limits.kernel import KERNEL_ANSWERS_KEPT, PROBES
from lowatch.core.listeners import Connect, ConnectOutcome, Endpoint, LateAnswers
from lowatch.wire.closed_client import OWN_PACING

from .own_clients import OwnClients

_AT_ONCE = 64
"""Connects started before the loop may run: about 3 ms."""
_PATIENCE = {"tcp": 3.4, "udp": 1.0}
"""Seconds until a connect counts as timed out: two more SYNs are sent after 1 s and 3 s."""
_ALL_PATIENCE = 2 * max(_PATIENCE.values())
MOMENT = 0.05
"""Seconds. A local connect is refused or accepted within one millisecond, on a busy host within a few."""

_SO_MAX_PACING_RATE = 47  # asm-generic/socket.h

# These are local failures, not answers of the far end: nothing was learned.
_NO_MEANS = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.EPERM}
)
# Somebody had accepted before the connection was reset.
_ACCEPTED = frozenset({0, errno.ECONNRESET, errno.EPIPE})


class PatientProber:
    """Implements app.ports.Prober for a single audit: waits for every outcome."""

    def __init__(self, way: type[Attempt] | None = None) -> None:
        """way: how to connect; Attempt by default."""
        self._way = way or Attempt

    async def connect(self, endpoints: Sequence[Endpoint], late: LateAnswers) -> list[ConnectOutcome]:
        """The outcome of a connect to each endpoint, in order. Waits until each has one."""
        prober = Prober(PROBES.value)
        results: list[ConnectOutcome] = []
        try:
            for first in range(0, len(endpoints), PROBES.value):
                several = endpoints[first : first + PROBES.value]
                results += await prober.meet(several, _ALL_PATIENCE, late, self._way)
        finally:
            prober.close()
        return results


class Prober:
    """Waits a moment for outcomes, and for the others continues in the background."""

    def __init__(self, at_once: int = PROBES.value, own: OwnClients | None = None) -> None:
        """at_once: how many connects may be in progress. own: is told of each."""
        self._at_once = at_once
        self.own = own
        self._open: set[Attempt] = set()
        self._silent: set[Endpoint] = set()
        """Endpoints that did not answer within the moment last time. Nobody waits for them again."""

    async def connect(self, endpoints: Sequence[Endpoint], late: LateAnswers) -> list[ConnectOutcome]:
        """The outcome of a connect to each endpoint, in order; PENDING if `late` receives it later."""
        return await self.meet(endpoints, MOMENT, late)

    def close(self) -> None:
        for attempt in self._open:
            attempt.close()
        self._open.clear()

    async def meet(
        self,
        endpoints: Sequence[Endpoint],
        moment: float,
        late: LateAnswers,
        way: type[Attempt] | None = None,
    ) -> list[ConnectOutcome]:
        """The same as connect(), but waits up to `moment` seconds. way: how; Attempt by default."""
        outcomes: dict[Endpoint, ConnectOutcome] = {}
        waiting: list[Attempt] = []
        for first in range(0, len(endpoints), _AT_ONCE):
            for endpoint in endpoints[first : first + _AT_ONCE]:
                begun = self._begin(endpoint, late, way or Attempt)
                if isinstance(begun, Attempt):
                    waiting.append(begun)
                else:
                    outcomes[endpoint] = begun
            await asyncio.sleep(0)
        self._silent.difference_update(outcomes)
        await self._wait(waiting, moment)
        for attempt in waiting:
            outcomes[attempt.endpoint] = attempt.given_up()
        return [outcomes[endpoint] for endpoint in endpoints]

    def _begin(self, endpoint: Endpoint, late: LateAnswers, way: type[Attempt]) -> ConnectOutcome | Attempt:
        """Start the connects. Returns the outcomes that came at once, as nearly all do."""
        if len(self._open) >= self._at_once:
            PROBES.reached()
            return Unknown("connect", f"{self._at_once} other connects are pending")
        try:
            attempt = way(endpoint, late, self)
        except OSError as error:
            return failure(error.errno or 0)
        outcome = attempt.outcome()
        if outcome is not None:
            attempt.close()
            return outcome
        attempt.wait()
        self._open.add(attempt)
        return attempt

    async def _wait(self, waiting: Iterable[Attempt], moment: float) -> None:
        answers = [one.answer for one in waiting if one.answer and one.endpoint not in self._silent]
        if answers:
            await asyncio.wait(answers, timeout=moment)

    def finish(self, attempt: Attempt, outcome: ConnectOutcome) -> None:
        """An attempt has its outcome, a timeout included."""
        self._open.discard(attempt)
        attempt.close()
        if attempt.answer is not None:
            attempt.answer.set_result(outcome)
            self._silent.discard(attempt.endpoint)
            return
        if outcome is Connect.TIMED_OUT:
            if len(self._silent) >= KERNEL_ANSWERS_KEPT.value:
                KERNEL_ANSWERS_KEPT.reached()
                self._silent.clear()  # each is waited for once more
            self._silent.add(attempt.endpoint)
        attempt.late.connect_answered(attempt.endpoint, outcome)


class Attempt:
    """One connect in progress. Raises OSError if it cannot be started."""

    def __init__(self, endpoint: Endpoint, late: LateAnswers, prober: Prober) -> None:
        self.endpoint = endpoint
        self.late = late
        self.answer: asyncio.Future[ConnectOutcome] | None = None
        self._prober = prober
        self._tcp = endpoint.port.protocol == "tcp"
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        family = socket.AF_INET if len(endpoint.address) == V4_LENGTH else socket.AF_INET6
        kind = socket.SOCK_STREAM if self._tcp else socket.SOCK_DGRAM
        self._socket = socket.socket(family, kind | socket.SOCK_NONBLOCK)
        try:
            self._prepare()
            if self._tcp:  # so that no daemon takes it for a failed client
                self._socket.setsockopt(socket.SOL_SOCKET, _SO_MAX_PACING_RATE, OWN_PACING)
            elif prober.own is not None:
                prober.own.add(self._socket)
            self._error = self._socket.connect_ex((format_address(endpoint.address), endpoint.port.number))
            if not self._tcp and not self._error:
                self._send_nothing()
        except OSError:
            self._socket.close()
            raise

    def _prepare(self) -> None:
        """Called before the socket connects."""

    def _send_nothing(self) -> None:
        """Send an empty datagram.

        EPERM: it was dropped on its way out (NF_DROP, in nf_hook_slow()). Who drops it may refuse it as
        well, by ICMP: IPVS without real servers, a firewall's reject. Otherwise it is silence.
        """
        with suppress(PermissionError):
            self._socket.send(b"")

    def outcome(self) -> ConnectOutcome | None:
        """The outcome; None while there is none."""
        if self._error == errno.EINPROGRESS:
            return None
        if self._error:
            return failure(self._error)
        if self._tcp:
            return Connect.REFUSED if self._met_itself() else Connect.ACCEPTED
        try:
            self._socket.recv(1)
        except BlockingIOError:
            return None
        except OSError as error:  # the error from the ICMP message
            return failure(error.errno or 0)
        return Connect.REFUSED if self._met_itself() else Connect.ACCEPTED

    def wait(self) -> None:
        """Let the event loop watch the socket, until close() is called."""
        self.answer = self._loop.create_future()
        watch = self._loop.add_writer if self._tcp else self._loop.add_reader
        watch(self._socket, self._look)
        patience = _PATIENCE[self.endpoint.port.protocol]
        self._timer = self._loop.call_later(patience, self._prober.finish, self, Connect.TIMED_OUT)

    def given_up(self) -> ConnectOutcome:
        """The answer, if it is there; from now on nobody waits for it."""
        answer, self.answer = self.answer, None
        return answer.result() if answer is not None and answer.done() else Connect.PENDING

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            (self._loop.remove_writer if self._tcp else self._loop.remove_reader)(self._socket)
        self._socket.close()

    def _look(self) -> None:
        if self._tcp:
            self._error = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        outcome = self.outcome()
        if outcome is not None:
            self._prober.finish(self, outcome)

    def _met_itself(self) -> bool:
        """Whether the socket connected to itself, as happens on an ephemeral port (simultaneous open)."""
        with suppress(OSError):  # ENOTCONN: accepted, and reset since
            return bool(self._socket.getsockname() == self._socket.getpeername())
        return False


def failure(error: int) -> ConnectOutcome:
    if error in _NO_MEANS:
        return Unknown("connect", os.strerror(error))
    if error in _ACCEPTED:
        return Connect.ACCEPTED
    return Connect.TIMED_OUT if error == errno.ETIMEDOUT else Connect.REFUSED
