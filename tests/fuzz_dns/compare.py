"""One response through both parsers, and the account of many."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from lowatch.wire.dns import Reply, repeats_question
from lowatch.wire.dns_full import parse_full
from lowatch.wire.dns_lean import parse_lean

from .seeds import Seed

TOO_SLOW = 2.0
"""Seconds of CPU for one message: it hangs, or as good as."""


@dataclass(slots=True)
class Account:
    """read: responses to their question. lean: those that the lean parser took. slowest: CPU seconds.

    wrong: a line for each that was read wrongly, raised, or took too long.
    """

    read: int = 0
    lean: int = 0
    slowest: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def take(self, seeds: Iterable[Seed]) -> None:
        for seed in seeds:
            if repeats_question(seed.message, seed.question):
                self._take(seed)

    def __str__(self) -> str:
        return (
            f"{self.read} responses, {self.lean} read leanly, {len(self.wrong)} wrong, "
            f"the slowest in {self.slowest * 1000:.1f} ms"
        )

    def _take(self, seed: Seed) -> None:
        self.read += 1
        began = time.thread_time()
        try:
            lean, full = parse_lean(*reversed(seed)), parse_full(seed.message)
        except Exception as error:
            self._note(seed, f"raised {error!r}")
            return
        took = time.thread_time() - began
        self.slowest = max(self.slowest, took)
        self.lean += lean is not None
        if lean not in (None, full):
            self._note(seed, f"\n  lean {lean}\n  full {full}")
        if took > TOO_SLOW:
            self._note(seed, f"took {took:.1f} s")
        for reply in (lean, full):
            if reply is not None and not _is_sound(reply, seed.message):
                self._note(seed, f"unsound: {reply}")

    def _note(self, seed: Seed, what: str) -> None:
        self.wrong.append(f"{seed.message.hex()} to {seed.question.hex()}: {what}")


def _is_sound(reply: Reply, message: bytes) -> bool:
    """Every address is in the message, and no reason could garble a terminal."""
    return reply.reason.isprintable() and all(address in message for address in reply.addresses)
