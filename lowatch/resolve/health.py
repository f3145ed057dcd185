"""Whether a nameserver is worth asking first: it cools down after silence, then is tried by one."""

from __future__ import annotations

COOLDOWN = 5.0
COOLDOWN_LIMIT = 60.0


class Health:
    """All times are monotonic seconds."""

    __slots__ = ("_silences", "shunned_until")

    def __init__(self) -> None:
        self._silences = 0
        self.shunned_until = 0.0

    def note_reply(self) -> None:
        """Any reply will do; a SERVFAIL says something of the name, not of the server."""
        self._silences = 0
        self.shunned_until = 0.0

    def note_silence(self, now: float) -> None:
        """No reply in time, or an ICMP refusal: 5, 10, 20 ... 60 s of rest."""
        if now < self.shunned_until and self._silences:
            return  # one of many that were in flight when it fell silent
        self.shunned_until = now + min(COOLDOWN * 2.0**self._silences, COOLDOWN_LIMIT)
        self._silences = min(self._silences + 1, 10)

    def admits(self, now: float) -> bool:
        return now >= self.shunned_until

    def note_asked(self, now: float, timeout: float) -> None:
        """After a rest one query goes ahead, and the others wait for its end."""
        if self._silences and self.admits(now):
            self.shunned_until = now + timeout
