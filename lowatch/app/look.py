"""One look at a slice of domains: what all have in common, what was asked, and what came back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lowatch.core.addresses import Address
from lowatch.core.answers import Answer
from lowatch.core.held import Course, Delivery
from lowatch.core.known import Unknown
from lowatch.core.listeners import Endpoint
from lowatch.core.policy import Policy

from .confirming_connects import Served
from .domain_observation import (
    Place,
)
from .host_observation import (
    Holders,
)


class Look(NamedTuple):
    """What all domains of one audit have in common.

    generation: of the host's tables. stub: the addresses of the host's own resolvers.
    """

    policy: Policy
    holders: Holders
    generation: int
    loopback_up: bool
    stub: frozenset[Address]
    hostname: str = ""

    def is_like(self, other: Look) -> bool:
        """Whether the same answers of the kernel make the same views. Never compares all domains."""
        return self.policy is other.policy and self.holders is other.holders and self[2:] == other[2:]


class Seen(NamedTuple):
    """A slice of domains as they were last swept: what was asked about them, and what came back."""

    look: Look
    answers: list[Answer]
    candidates: list[Address]
    deliveries: list[Delivery | Unknown]
    places: Mapping[Address, Place]
    expected: list[Endpoint]
    courses: list[Course | Unknown]
    asked: list[Endpoint]
    listeners: list[Served]

    def served(self) -> dict[Endpoint, Served]:
        """By endpoint; those that are routed elsewhere are not among them."""
        found: dict[Endpoint, Served] = dict(zip(self.asked, self.listeners, strict=True))
        found.update(
            (e, course)
            for e, course in zip(self.expected if self.courses else (), self.courses, strict=True)
            if isinstance(course, Unknown)
        )
        return found

    @property
    def no_way_back(self) -> frozenset[Endpoint]:
        if not self.courses:
            return frozenset()
        courses = zip(self.expected, self.courses, strict=True)
        return frozenset(e for e, course in courses if course is Course.NO_WAY_BACK)

    @property
    def led_away(self) -> frozenset[Endpoint]:
        if not self.courses:
            return frozenset()
        courses = zip(self.expected, self.courses, strict=True)
        return frozenset(e for e, course in courses if course is Course.ELSEWHERE)


def here(expected: list[Endpoint], courses: Sequence[Course | Unknown]) -> list[Endpoint]:
    """The endpoints whose packets arrive here. courses: none where all do."""
    if not courses:
        return expected
    arriving = (Course.HERE, Course.NO_WAY_BACK)
    return [endpoint for endpoint, course in zip(expected, courses, strict=True) if course in arriving]
