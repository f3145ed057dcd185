"""Which endpoints refuse local clients again and again: at least so many times within so long."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection

from .addresses import Address, Port
from .limits.kernel import REFUSED_ENDPOINTS
from .listeners import Endpoint
from .policy import VictimsPolicy


class OftenRefused:
    """Remembers when each endpoint refused its last clients. Times are in monotonic seconds."""

    def __init__(self, policy: VictimsPolicy) -> None:
        self._policy = policy
        self._last: dict[Endpoint, deque[float]] = {}
        """The last `at_least` times of each, the latest endpoint last."""

    def replace_policy(self, policy: VictimsPolicy) -> None:
        """Go by this policy from now on."""
        if policy != self._policy:
            self._policy = policy
            self._last = {one: deque(times, policy.at_least) for one, times in self._last.items()}

    def note(self, endpoint: Endpoint, now: float) -> bool:
        """It refused a client. Returns whether it is often only since then.

        One that stands for many counts once: a flood elsewhere must not make a single client many.
        """
        times = self._last.pop(endpoint, None)
        if times is None:
            times = deque(maxlen=self._policy.at_least)
        was_often = self._is_often(times, now)
        times.append(now)
        self._last[endpoint] = times
        if len(self._last) > REFUSED_ENDPOINTS.value:
            del self._last[next(iter(self._last))]
        return not was_often and self._is_often(times, now)

    def has(self, port: Port) -> bool:
        """Whether a port refused clients lately, at some address."""
        return any(one.port == port for one in self._last)

    def remember(self, endpoint: Endpoint, now: float) -> None:
        """It was often until now."""
        for _ in range(self._policy.at_least):
            self.note(endpoint, now)

    def often(self, now: float) -> list[Endpoint]:
        """The endpoints that do so, in order. Forgets those that have not refused anybody for too long."""
        oldest = now - self._policy.within
        self._last = {endpoint: times for endpoint, times in self._last.items() if times[-1] > oldest}
        return sorted(endpoint for endpoint, times in self._last.items() if self._is_often(times, now))

    def keep(self, addresses: Collection[Address]) -> None:
        """Forget all other addresses: they are not held any more."""
        self._last = {one: times for one, times in self._last.items() if one.address in addresses}

    def _is_often(self, times: deque[float], now: float) -> bool:
        return len(times) >= self._policy.at_least and times[0] > now - self._policy.within
