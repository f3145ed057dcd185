"""The domains followed: the state of each, and the Answer that others see."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from types import MappingProxyType

from lowatch.config.schema import DnsSettings
from lowatch.core.answers import Answer
from lowatch.wire.dns import RRType, encode_question

from .schedule import AT_ONCE
from .state import Outcome, State, update


class Track:
    """One domain and type.

    question: as encode_question makes it, kept because it is put again and again.
    due: monotonic seconds. busy: was due, and is being asked for. dropped: no longer followed.
    """

    __slots__ = ("busy", "domain", "dropped", "due", "question", "rrtype", "state")

    def __init__(self, domain: str, rrtype: RRType) -> None:
        self.domain = domain
        self.rrtype = rrtype
        self.question = encode_question(domain, rrtype)
        self.state = State()
        self.due = AT_ONCE
        self.busy = False
        self.dropped = False


class Names:
    """answers: by domain, a live view. all_asked: set while each has been asked once or more."""

    def __init__(self) -> None:
        self._tracks: dict[str, tuple[Track, Track]] = {}
        self._answers: dict[str, Answer] = {}
        self._unasked: set[Track] = set()
        self.answers: Mapping[str, Answer] = MappingProxyType(self._answers)
        self.all_asked = asyncio.Event()

    def __iter__(self) -> Iterator[Track]:
        return chain.from_iterable(self._tracks.values())

    def replace(self, domains: Iterable[str]) -> list[Track]:
        """Follow these and no others. Returns the tracks that are new; the rest keep their state."""
        wanted = dict.fromkeys(domains)
        for domain in self._tracks.keys() - wanted.keys():
            self._drop(domain)
        added = [track for domain in wanted if domain not in self._tracks for track in self._add(domain)]
        self._note_asked()
        return added

    def record(
        self, track: Track, outcome: Outcome, now: float, settings: DnsSettings, jitter: float
    ) -> tuple[float, bool]:
        """Take in a lookup's end: when to ask again, and whether the Answer is another now."""
        before = track.state.rrset
        track.state, due = update(track.state, outcome, now, settings, jitter)
        self._unasked.discard(track)
        changed = track.state.rrset is not before
        if changed:
            a, aaaa = self._tracks[track.domain]
            self._answers[track.domain] = Answer(track.domain, a.state.rrset, aaaa.state.rrset)
        self._note_asked()
        return due, changed

    def _add(self, domain: str) -> tuple[Track, Track]:
        tracks = Track(domain, RRType.A), Track(domain, RRType.AAAA)
        self._tracks[domain] = tracks
        self._answers[domain] = Answer(domain)
        self._unasked.update(tracks)
        return tracks

    def _drop(self, domain: str) -> None:
        del self._answers[domain]
        for track in self._tracks.pop(domain):
            track.dropped = True
            self._unasked.discard(track)

    def _note_asked(self) -> None:
        if self._unasked:
            self.all_asked.clear()
        else:
            self.all_asked.set()
