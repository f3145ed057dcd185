"""One response through both parsers, and the account of many."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from lowatch.core.addresses import Address
from lowatch.resolve.upstream.response_reader import ResponseReader
from lowatch.wire.dns import Reply, ReplyKind, RRType, parse_srv_record, repeats_question
from lowatch.wire.dns_full import parse_full
from lowatch.wire.dns_lean import renewed_ttl

from .seeds import Seed

TOO_SLOW = 2.0
"""Seconds of CPU for one message: it hangs, or as good as."""


class _Never:
    def on_mismatch(self) -> None:
        raise AssertionError("it compares nothing itself")


def _unchecking_reader() -> ResponseReader:
    """It remembers denials over all messages, and never asks dnspython: that is done here."""
    return ResponseReader(_Never(), draw=lambda: 0.5)


@dataclass(slots=True)
class Account:
    """read: responses to their question. lean: those that the lean parser took. renewed: those that are
    a known address again. slowest: CPU seconds.

    wrong: a line for each that was read wrongly, raised, or took too long.
    """

    read: int = 0
    lean: int = 0
    slowest: float = 0.0
    renewed: int = 0
    wrong: list[str] = field(default_factory=list)
    reader: ResponseReader = field(default_factory=_unchecking_reader)

    def take(self, seeds: Iterable[Seed]) -> None:
        for seed in seeds:
            if repeats_question(seed.message, seed.question):
                self._take(seed)

    def __str__(self) -> str:
        return (
            f"{self.read} responses, {self.lean} read leanly, {self.renewed} renewals, "
            f"{len(self.wrong)} wrong, the slowest in {self.slowest * 1000:.1f} ms"
        )

    def _take(self, seed: Seed) -> None:
        self.read += 1
        began = time.thread_time()
        try:
            lean, full = self.reader.read_lean(seed.message, seed.question), parse_full(seed.message)
            self._renew(seed, full)
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
            if reply is not None and not _is_sound(reply, seed):
                self._note(seed, f"unsound: {reply}")

    def _renew(self, seed: Seed, full: Reply) -> None:
        """Where the short way takes it for the known address again, it must be that and nothing else."""
        if seed.question[-3] != RRType.A:
            return
        known = full.addresses[0] if full.addresses else bytes(4)
        ttl = renewed_ttl(seed.message, seed.question, known)
        if ttl is not None:
            self.renewed += 1
            if full != Reply(ReplyKind.ADDRESSES, "NOERROR", (known,), (), ttl):
                self._note(seed, f"\n  renewed for {ttl} s\n  full {full}")

    def _note(self, seed: Seed, what: str) -> None:
        self.wrong.append(f"{seed.message.hex()} to {seed.question.hex()}: {what}")


def _is_sound(reply: Reply, seed: Seed) -> bool:
    """Every address is in the message, and no reason could garble a terminal."""
    return reply.reason.isprintable() and all(_is_in(address, seed) for address in reply.addresses)


def _is_in(address: Address, seed: Seed) -> bool:
    """In place of addresses, PTR records have names, whose labels may be anywhere in the message."""
    if seed.question[-3] != RRType.PTR:
        return address in seed.message
    _, target = parse_srv_record(address)
    labels = [] if "\\" in target else target.encode().split(b".")  # what is escaped is not as it was
    return all(label in seed.message.lower() for label in labels)
