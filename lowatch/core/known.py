"""Known and Unknown: a failure to observe is a value with a reason, never a default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Known(Generic[T_co]):
    """Something that was observed."""

    value: T_co


@dataclass(frozen=True, slots=True)
class Unknown:
    """Something that could not be observed. source: "dns", "netlink", "sock_diag"... reason: one line."""

    source: str
    reason: str
