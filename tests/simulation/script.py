"""Draws the events of a world from its seed, before anything runs. So a script can be shortened."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import NamedTuple

from . import faults
from .name_service import HOSTS
from .places import ADDRESSES, ARPS, ASKED, DUMMY, ENDPOINTS, HELD_AT_FIRST, HOLDINGS, LO, TARGET

DAY = 86_400.0
_TTLS = (5, 60, 300, 600)
_BLINDING = (
    "no dumps",
    "no routes",
    "no sockets",
    "no connects",
    "dead 0",
    "SERVFAIL 0",
    "getaddrinfo hangs",
)
"""Faults that make something unobservable."""


class Event(NamedTuple):
    """at: seconds since the world began. what: a method of World, without its underscore."""

    at: float
    what: str
    arguments: tuple[object, ...] = ()

    def __str__(self) -> str:
        return f"{self.at:12.3f} {self.what} {' '.join(map(str, self.arguments))}"


def script(seed: int, days: float) -> list[Event]:
    """Draws episodes: some events within about a minute, repairs of most of them, and then calm."""
    random = Random(f"script {seed}")
    events = list(_beginning())
    at = 60.0
    while at < days * DAY - 2_000.0:
        events += _episode(random, at)
        at += random.choice((150.0, 400.0, 1_200.0, 3_600.0, 3_600.0)) + 600.0 * random.random()
    return sorted(events, key=lambda event: event.at)


def _beginning() -> Iterator[Event]:
    yield Event(0.0, "mend_sockets")


def _episode(random: Random, start: float) -> Iterator[Event]:
    kind = random.choice((_mixed, _mixed, _mixed, _told, _blind, _killed))
    return kind(random, start)


def _mixed(random: Random, start: float) -> Iterator[Event]:
    """Any events, at about the same time."""
    within = random.choice((0.05, 5.0, 60.0, 60.0))
    for _ in range(random.choice((1, 1, 2, 3, 4, 7))):
        at = start + within * random.random()
        yield _event(random, at)
        if random.random() < 0.3:  # so close together that their order is open
            yield _event(random, at + random.choice((0.0, 0.001, 0.02, 0.2)) * random.random())
    if random.random() < 0.35:
        yield _ending(random, start + random.choice((within, 45.0)) * random.random())
    mended_at = start + within + random.choice((1.0, 20.0, 45.0, 120.0, 900.0)) * random.random()
    yield from _mended(random, mended_at)


def _told(random: Random, start: float) -> Iterator[Event]:
    """Only changes that the kernel reports by events. The daemon must see them within seconds."""
    for _ in range(random.choice((1, 2, 3))):
        yield _told_event(random, start + random.choice((0.01, 10.0)) * random.random())
    yield from _mended(random, start + 40.0)


def _told_event(random: Random, at: float) -> Event:
    if random.random() < 0.6:
        number = random.choice((*HELD_AT_FIRST, random.randrange(len(HOLDINGS))))
        return Event(at, "hold", (number, number not in HELD_AT_FIRST))
    return Event(at, "close", (random.choice((0, 1, random.randrange(len(ENDPOINTS)))),))


def _blind(random: Random, start: float) -> Iterator[Event]:
    """Something changes, and then cannot be observed for longer than any hold."""
    yield _told_event(random, start)
    kind = random.choice(_BLINDING)
    at = start + random.choice((1.0, 50.0)) * random.random()
    lasts = 50.0 + random.choice((50.0, 2_000.0)) * random.random()
    yield Event(at, "fault", (kind, lasts))
    if kind.endswith("0"):
        yield Event(at, "fault", (f"{kind[:-1]}1", lasts))
    yield from _mended(random, at + lasts * random.choice((0.9, 1.1)))


def _killed(random: Random, start: float) -> Iterator[Event]:
    """The daemon is killed as it announces a finding, which ends before, or begins after, the kill."""
    yield _told_event(random, start)
    gone_for = 20.0 + 100.0 * random.random()
    when = random.choice(("told", "told", "written"))
    yield Event(start, "kill", (when, random.randrange(3), random.randrange(6), gone_for))
    yield from _mended(random, start + random.choice((32.0, 40.0, 60.0)))


def _event(random: Random, at: float) -> Event:
    draw = random.random()
    if draw < 0.30:
        return _of_host(random, at)
    if draw < 0.50:
        return _of_names(random, at)
    if draw < 0.88:
        return _fault(random, at)
    return _of_time(random, at)


def _of_host(random: Random, at: float) -> Event:
    what = random.choice(("hold", "hold", "close", "close", "close", "full", "nat", "link", "arp"))
    endpoint = random.choice((0, 0, 1, random.randrange(len(ENDPOINTS))))
    match what:
        case "hold":
            return Event(at, "hold", (random.randrange(len(HOLDINGS)), random.random() < 0.6))
        case "nat":
            return Event(at, "nat", (endpoint, random.choice(("accepts", "silent", "slow"))))
        case "link":
            return Event(at, "link", (random.choice((LO, DUMMY, DUMMY)), False))
        case "arp":
            return Event(at, "arp", (random.randrange(len(ARPS)),))
        case "full":
            return Event(at, "serve", (endpoint, True))
    return Event(at, "close", (endpoint,))


def _of_names(random: Random, at: float) -> Event:
    what = random.choice(
        ("zone", "zone", "zone", "service", "lie", "hosts", "switch", "directory", "nameservers")
    )
    match what:
        case "service":
            records = random.choice(
                (((5222, TARGET),), ((443, TARGET),), ((5222, TARGET), (80, ASKED[0])), ())
            )
            return Event(at, "service", (random.choice(_TTLS), *records))
        case "lie":
            return Event(
                at, "fault", (random.choice(faults.LIES), random.choice((20.0, 200.0)) * random.random())
            )
        case "hosts":
            return Event(at, "hosts", (random.randrange(len(HOSTS)),))
        case "switch":
            return Event(at, "switch", (random.randrange(4),))
        case "directory":
            picked = random.sample(range(len(ADDRESSES)), random.choice((0, 1, 2)))
            return Event(at, "directory", (random.choice(ASKED), *sorted(picked)))
        case "nameservers":
            return Event(at, "nameservers", (random.randrange(3),))
    name = random.choice(ASKED)
    if random.random() < 0.15:
        return Event(at, "no_such_name", (name,))
    count = random.choice((0, 1, 1, 1, 2, 3))
    picked = tuple(sorted(random.sample(range(len(ADDRESSES)), count)))
    return Event(at, "zone", (name, random.choice(_TTLS), random.random() < 0.1, *picked))


def _fault(random: Random, at: float) -> Event:
    kind = random.choice(tuple(faults.KINDS))
    lasts = random.choice((0.5, 5.0, 40.0, 200.0, 1_500.0)) * random.random()
    if kind in ("slow kernel", "overrun", "lost events", "interrupted dumps"):
        lasts = min(lasts, 30.0)
    return Event(at, "fault", (kind, lasts))


def _of_time(random: Random, at: float) -> Event:
    what = random.choice(("set_wall", "suspend", "reload", "reload"))
    match what:
        case "set_wall":
            return Event(at, "set_wall", (random.choice((-3_600.0, -2.0, 1.0, 7_200.0)),))
        case "suspend":
            return Event(at, "suspend", (random.choice((5.0, 600.0, 40_000.0)),))
    return Event(at, "reload", (random.randrange(4),))


def _ending(random: Random, at: float) -> Event:
    """Kills the daemon at once, after an entry or a write, or some turns of the loop later; or stops it."""
    gone_for = random.choice((0.1, 2.0, 60.0, 300.0)) * random.random()
    if random.random() < 0.2:
        return Event(at, "stop", (gone_for,))
    when = random.choice(("now", "told", "told", "told", "written", "written"))
    return Event(
        at, "kill", (when, random.randrange(4) if when != "now" else 0, random.randrange(6), gone_for)
    )


def _mended(random: Random, at: float) -> Iterator[Event]:
    """Restores everything that was there at first, within a second and in any order."""
    events = [
        Event(at, what)
        for what in (
            "mend_sockets",
            "mend_holdings",
            "mend_links",
            "first_records",
            "mend_files",
            "mend_arp",
        )
    ]
    events.append(Event(at, "reload", (0,)))
    if random.random() < 0.3:
        events = random.sample(events, len(events) // 2)
    delay = random.choice((0.0, 0.3))
    yield from (event._replace(at=at + delay * random.random()) for event in events)
