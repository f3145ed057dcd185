"""The steps of a fix: what its command does, one by one."""

from __future__ import annotations

from typing import Literal, NamedTuple

from .held import Held


class Step(NamedTuple):
    """One command. held: what is added with a host prefix, deleted, or loses its IPv6 prefix route."""

    do: Literal["add", "remove", "unroute"]
    held: Held


Plan = tuple[Step, ...]
"""Steps in order. If one fails, those before it have done no harm."""


Outcome = Literal["safe", "harmful", "not-possible"]


class Rehearsal(NamedTuple):
    """What came of a plan in a copy of this host's network. reason: in a few words; "" if it is safe.

    safe: it ends the finding and takes nothing else away. harmful: it does harm, or does not help.
    not-possible: no copy could be made, or it differs from this host.
    """

    outcome: Outcome
    reason: str = ""
