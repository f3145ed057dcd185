"""Checks what must be true of the daemon at every step, and what once a world is at rest."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Set
from typing import Any, NamedTuple

from lowatch.core.addresses import format_address
from lowatch.core.findings import FindingKind, Subject
from lowatch.core.judgement import Judgement
from lowatch.core.lifecycle import FindingState, Tracked
from lowatch.core.limits.alerts import JOURNAL_BURST, JOURNAL_QUEUE
from lowatch.core.limits.table import LIMITS
from lowatch.core.snapshot import DomainObservation, Snapshot
from lowatch.core.verdicts import JudgedEndpoint, OrphanKey, Verdict
from tests.support.aio import drive

from .census import census
from .facts import ANY_OF, Window, unlike_dns
from .journald import Word
from .life import Life
from .places import ASKED, SERVICE, TARGET
from .world import World

QUICKLY = 2.5
"""Seconds within which verdicts follow the kernel's events."""
_REST = 20.0
"""Seconds beyond a hold and two sweeps. By then the daemon has also seen changes without an event."""
_RETRIES, _RETRY_AFTER = 20, 10.0
_NAMES_KNOWN_BY = 2_600.0
"""Seconds from the last change of DNS: a rotation is remembered for three TTLs, of 600 s at most."""
_ASKED_WITHIN = 300.0
"""Seconds from a change of a file until getaddrinfo has looked up every name that leads here."""
_SAVED_WITHIN = 6.0
"""Seconds until entries in the journal are saved as announced, if the disk works."""
_WRITTEN_AGAIN = 25.0
"""Seconds until a state that could not be written, on a full or slow disk, is written again."""
_OF_DISK = ("disk full", "disk hangs", "slow disk", "no threads")
_MAY_BE_MET = (JOURNAL_BURST, JOURNAL_QUEUE)
"""Limits that are small in some worlds, so that they may be reached."""
_ENTRIES = 4_000
"""The most entries that all containers of a daemon with seven names may have."""


class Violation(AssertionError):  # noqa: N818
    """An invariant that does not hold."""


class _Last:
    """The journal's last entry on one finding. at: loop time. life: which life wrote it."""

    __slots__ = ("at", "life", "may_be_forgotten", "may_be_repeated", "state", "was_acknowledged")

    def __init__(self, state: str, at: float, life: int) -> None:
        self.state, self.at, self.life = state, at, life
        self.may_be_repeated = False
        """Whether a kill left open what was announced: it was not yet saved, or another entry was due."""
        self.may_be_forgotten = False
        """Whether the disk could not save it before the daemon ended. Then nothing is promised."""
        self.was_acknowledged = False
        """Whether the finding has been acknowledged since: once that ends, the entry is repeated."""


class _Ended(NamedTuple):
    """The end of a life. recently: the findings tracked then, or shortly before."""

    at: float
    could_not_save: bool
    recently: set[str]


class Checks:
    """checked: name of a check -> how often it was made."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._window = Window(world)
        self._seen: dict[str, Tracked | None] = {}
        self._looked_at: Mapping[str, Tracked] | None = None
        self._sinces: dict[str, set[float]] = {}
        self._last: dict[str, _Last] = {}
        self._first_words: set[str] = set()
        self._gone: deque[tuple[float, str]] = deque()
        self._ended: _Ended | None = None
        self._stale: Set[str] = frozenset()
        self._forgotten: Set[str] = frozenset()
        self._killed_before = False
        self._saved_before = float("-inf")
        self._limits = {limit.name: limit.times for limit in LIMITS}
        self._rest: asyncio.TimerHandle | None = None
        self._quick: asyncio.TimerHandle | None = None
        self._tries = 0
        self._changed_at = self._names_changed_at = world.loop.time()
        self._only_told = True
        self._told_now = False
        self.checked: dict[str, int] = {"step": 0, "quick": 0, "rest": 0, "names": 0, "word": 0}
        world.kernel.changed = world.zone.changed = world.names.changed = self.changed
        world.journald.wrote = self._wrote
        world.loop.each_turn = self.look

    # What happens in the world.

    def changed(self) -> None:
        """Something in the world changed."""
        self._window.take_in()
        self._wait_for_rest()

    def happening(self, what: str) -> None:
        """An event of the script is about to happen. Some cause an event of the kernel."""
        if what in (
            "zone",
            "service",
            "no_such_name",
            "first_records",
            "hosts",
            "switch",
            "directory",
            "nameservers",
            "mend_files",
            "fault",
            "reload",
        ):
            self._names_changed_at = self._world.loop.time()
        told = what in ("hold", "link", "close", "set_wall", "stop", "kill")
        self._only_told &= told
        self._wait_for_rest()
        if told and self._quick is None:
            self._quick = self._world.loop.call_later(QUICKLY, self._check_quickly)

    def happened(self, what: str) -> None:
        if what == "reload":
            self.changed()

    def life_begins(self, life: Life) -> None:
        """It must remember what was tracked, except what may not have been saved."""
        world = self._world
        if self._ended is not None and not self._ended.could_not_save:
            was = {
                key
                for key, one in self._seen.items()
                if one is None or self._ended.at - one.changed > _SAVED_WITHIN
            }
            lost = was - life.remembered.keys()
            sure = {key for key, one in life.remembered.items() if not one.delivery_unknown}
            stale = sure - self._ended.recently
            self._require(not lost, f"{sorted(lost)} was tracked, and is not remembered")
            self._require(not stale, f"{sorted(stale)} is remembered, and was gone")
        self._stale = life.remembered.keys() - self._seen.keys()
        self._forgotten = self._seen.keys() - life.remembered.keys()
        self._seen = {}
        self._first_words = set()
        self._names_changed_at = world.loop.time()
        for key, one in life.remembered.items():
            known = self._sinces.get(key, set())
            self._require(
                one.since in known, f"{key} is remembered since {one.since}, and showed {sorted(known)}"
            )
            self._seen[key] = None
        self._only_told = False
        self._wait_for_rest()

    def life_ends(self, life: Life) -> None:
        world = self._world
        self._killed_before = life.killed
        self._saved_before = world.disk.saved_at
        failed = max(world.faults.until(kind) for kind in _OF_DISK)
        at = life.ended_at
        recently = self._recently(at) | {subject.key for subject in life.undelivered}
        waited = {"|".join(_subject_words(subject)) for subject in life.undelivered}
        self._ended = _Ended(at, failed > at - _SAVED_WITHIN - _WRITTEN_AGAIN, recently)
        for key, last in self._last.items():
            not_saved = last.at > self._saved_before - _SAVED_WITHIN
            last.may_be_forgotten |= self._ended.could_not_save and not_saved
            last.may_be_repeated |= life.killed and (not_saved or key in waited)

    def _recently(self, now: float) -> set[str]:
        """The findings tracked now or shortly before."""
        while self._gone and self._gone[0][0] < now - _SAVED_WITHIN:
            self._gone.popleft()
        return {*self._seen, *(key for _, key in self._gone)}

    def close(self) -> None:
        """Ends the checks, because the world ends."""
        for timer in (self._rest, self._quick):
            if timer is not None:
                timer.cancel()

    # At every step.

    def look(self) -> None:
        """Called after each turn of the loop."""
        world = self._world
        self._require(not world.loop.errors, "; ".join(world.loop.errors))
        life = world.life
        if life is None or life.ended or (tracked := life.tracked) is self._looked_at:
            return
        self._looked_at = tracked
        self.checked["step"] += 1
        for key, one in tracked.items():
            before = self._seen.get(key)
            if before is one:
                continue
            last = self._last.get("|".join(_subject_words(one.finding.subject)))
            if last is not None and one.state is FindingState.ACKNOWLEDGED:
                last.was_acknowledged = True
            if key not in self._seen:
                self._shows(key, one)
            else:
                self._goes_on(life, key, before, one)
        for key in self._seen.keys() - tracked.keys():
            gone = self._seen[key]
            self._gone.append((world.loop.time(), key))
            if gone is not None and gone.present:
                self._goes(gone.finding.subject, stale=key in self._stale)
        self._seen = dict(tracked)

    def _shows(self, key: str, one: Tracked) -> None:
        self._world.tell(f"  shows: {key}")
        late = self._world.clock.now().wall - one.since
        since = self._sinces.setdefault(key, set())
        since.add(one.since)
        self._require(
            -7_300.0 < late < 7_300.0 if len(since) > 1 else True,
            f"{key} shows now, and since {late:.0f} s ago",
        )
        may_show = key in self._forgotten or self._window.may_show(one.finding.subject)
        self._require(may_show, f"{key} shows, and nothing makes it so")

    def _goes_on(self, life: Life, key: str, before: Tracked | None, one: Tracked) -> None:
        since = life.remembered[key].since if before is None else before.since
        self._require(one.since == since, f"{key} was there since {since}, and now since {one.since}")
        was_present = before is None or before.present
        if was_present and not one.present:
            self._goes(one.finding.subject, stale=key in self._stale)
        elif one.present and not was_present:
            self._require(
                self._window.may_show(one.finding.subject), f"{key} shows again, and nothing makes it so"
            )
        if before is None or before.state is not one.state:
            self._world.tell(f"  {key} is {one.state}")

    def _goes(self, subject: Subject, *, stale: bool = False) -> None:
        """stale: whether it was remembered although it was gone when the last life ended."""
        self._world.tell(f"  goes: {subject.key}")
        self._require(stale or self._window.may_go(subject), f"{subject.key} goes, and nothing makes it so")

    def _wrote(self, word: Word) -> None:
        """Called for each entry that the journal takes."""
        life, key = self._world.life, _said_of(word)
        assert life is not None
        self.checked["word"] += 1
        self._world.tell(f"  journal: {word.state} {key}")
        last = self._last.get(key)
        if not _stands_for_any(word):
            before = "resolved" if last is None else last.state
            if before == word.state and not self._may_be_repeated(key, word, last):
                raise Violation(f"the journal has {word.state} of {key} twice")
        self._first_words.add(key)
        self._last[key] = _Last(word.state, self._world.loop.time(), life.number)
        self._world.journal_written()

    def _may_be_repeated(self, key: str, word: Word, last: _Last | None) -> bool:
        """Whether it may be repeated.

        That is once after a kill or a failing disk, and only if it was left open; and when a finding fires
        again because its acknowledgement has ended.
        """
        if last is not None and last.was_acknowledged and word.state == "firing":
            return True
        if key in self._first_words:
            return False
        if last is not None and (last.may_be_repeated or last.may_be_forgotten):
            return True
        could_not_save = self._ended is not None and self._ended.could_not_save
        return (self._killed_before or could_not_save) and (last is None or word.state == "resolved")

    # Shortly after an event.

    def _check_quickly(self) -> None:
        """The verdicts must follow events, if nothing else has happened since the world was at rest."""
        self._quick = None
        life, world = self._world.life, self._world
        if life is None or life.ended or not self._only_told or not life.daemon.ready:
            return
        if world.loop.time() - self._changed_at < QUICKLY - 0.01:
            self._quick = world.loop.call_later(QUICKLY, self._check_quickly)
            return
        if world.faults.active or not world.kernel.silent or world.is_rotating:
            return
        if life.auditor.marked or life.auditor.awaits_connects:
            return
        self.checked["quick"] += 1
        self._compare(life, ("held", "links", "views", "endpoints", "lo up"))

    # At rest.

    def _wait_for_rest(self) -> None:
        self._changed_at = self._world.loop.time()
        self._tries = 0
        if self._rest is not None:
            self._rest.cancel()
        self._rest = self._world.loop.call_later(self._world.rest + _REST, self._check_at_rest)

    def _again(self, seconds: float) -> None:
        self._rest = self._world.loop.call_later(seconds, self._check_at_rest)

    def _check_at_rest(self) -> None:
        """The daemon must agree with a new one, and the journal with the daemon."""
        self._rest = None
        world, life = self._world, self._world.life
        if life is None or life.ended:
            return  # the next life waits for rest itself
        if world.faults.active or not world.kernel.silent:
            self._again(max(0.0, world.faults.last_end - world.loop.time()) + world.rest + _REST)
            return
        trouble = self._trouble(life)
        if trouble and not world.is_rotating:
            self._tries += 1
            self._require(self._tries < _RETRIES, trouble)
            self._again(_RETRY_AFTER)
            return
        self.checked["rest"] += 1
        world.tell(f"  at rest: {len(self._seen)} findings")
        self._check_bounds(life)
        names_known = self._names_known(life)
        self.checked["names"] += names_known
        self._window = Window(world, self._window, names_known=names_known)
        self._only_told = True
        if not names_known:
            self._again(300.0)

    def _trouble(self, life: Life) -> str:
        """The first thing that is wrong; "" if nothing is."""
        if not life.daemon.ready:
            return "it is not ready"
        if life.sink.undelivered():
            return f"{len(life.sink.undelivered())} alerts wait"
        try:
            fresh = self._compare(life, None)
        except Violation as error:
            return str(error)
        return self._wrong_findings(life, fresh) or self._wrong_words(life) or _wrong_series(life)

    def _compare(self, life: Life, what: tuple[str, ...] | None) -> Judgement:
        """Compares with an audit without a past. what: the parts that must be equal; None for all."""
        snapshot, judgement = drive(life.fresh_auditor().audit_with_connects())
        ours, theirs = _truth(*life.latest), _truth(snapshot, judgement)
        for part in what or ours:
            self._require(
                ours[part] == theirs[part],
                f"{part}: the daemon has {_shown(ours[part], theirs[part])}, and a fresh audit "
                f"{_shown(theirs[part], ours[part])}",
            )
        return judgement

    def _wrong_findings(self, life: Life, fresh: Judgement) -> str:
        tracked = life.tracked
        shown = {finding.key for finding in fresh.findings}
        undecided = {key for key, one in tracked.items() if fresh.is_undecided(one.finding.subject)}
        if not shown <= tracked.keys() <= shown | undecided:  # undecided findings stay as they were
            return f"it tracks {sorted(tracked)}, and a fresh audit finds {sorted(shown)}"
        for key, one in tracked.items():
            settled = one.present and one.state in (FindingState.FIRING, FindingState.ACKNOWLEDGED)
            if not settled and key in shown:
                return f"{key} is {one.state}"
            if one.state is FindingState.FIRING and not one.announced:
                return f"{key} fires, and was not announced"
        return ""

    def _wrong_words(self, life: Life) -> str:
        """Checks the journal's last entry on each finding. The ports of an any-of set count as one."""
        firing = {
            _group(_subject_words(one.finding.subject)) for one in life.tracked.values() if one.announced
        }
        said: dict[tuple[str, ...], _Last] = {}
        for key, last in self._last.items():
            group = _group(tuple(key.split("|")))
            if group not in said or last.at >= said[group].at:
                said[group] = last
        for group in firing:
            if group not in said or said[group].state != "firing":
                return f"{group} fires, and the journal does not say so"
        for group, last in said.items():
            if last.state == "firing" and group not in firing and not last.may_be_forgotten:
                return f"the journal's last word is that {group} fires, and it does not"
        return ""

    def _names_known(self, life: Life) -> bool:
        """Whether the daemon's answers equal DNS. After _NAMES_KNOWN_BY they must."""
        world = self._world
        asked = [name for name in ASKED if name in world.policy.domains]
        answers = {name: frozenset(life.engine.answer(name).addresses) for name in asked}
        is_named = any(target == TARGET for _, target in world.zone.records[SERVICE].services)
        if is_named and SERVICE in world.policy.domains:
            answers[TARGET] = frozenset(life.engine.answer_book.target(TARGET).addresses)
        wrong = unlike_dns(world, answers)
        services = life.engine.answer(SERVICE).srv_records or ()
        named = {(one.port.number, one.target) for one in services}
        if named != set(world.zone.records[SERVICE].services):
            wrong.append(SERVICE)
        late = world.loop.time() - max(self._names_changed_at, world.faults.last_end)
        decided_by_dns = [name for name in wrong if name not in world.names.hosts]
        self._require(
            not decided_by_dns or late < _NAMES_KNOWN_BY,
            f"{decided_by_dns} are not what DNS has after {late:.0f} s",
        )
        by_getaddrinfo = world.names.has_directory or late < _ASKED_WITHIN
        return not (wrong or by_getaddrinfo or world.is_rotating)

    def _check_bounds(self, life: Life) -> None:
        met = [one.name for one in LIMITS if one.times != self._limits[one.name] and one not in _MAY_BE_MET]
        self._require(not met, f"limits were met: {met}")
        entries = census((life.daemon, life.auditor, life.views, life.engine, life.sink, life.store))
        self._require(entries < _ENTRIES, f"it holds {entries} entries")

    def _require(self, holds: bool, what: str) -> None:
        if not holds:
            raise Violation(what)


def _wrong_series(life: Life) -> str:
    """Checks lo_orphan_vip: one series per endpoint with a known verdict, at most one for any other."""
    snapshot, judgement = life.latest
    series = dict(life.daemon.orphans)
    open_ones = {
        (name, address) for name, seen in snapshot.domains.items() for address, _ in seen.undecided
    }
    for name, judged in judgement.domains.items():
        for one in judged.endpoints:
            value = series.pop(OrphanKey(one.interface, one.address, name, one.port), None)
            if one.verdict is not Verdict.UNKNOWN and value != (one.verdict is Verdict.ORPHAN):
                return f"the series of {name} at {format_address(one.address)} {one.port} is {value}"
    rest = [key for key in series if (key.domain, key.address) not in open_ones]
    return f"there are series of nobody: {rest}" if rest else ""


def _truth(snapshot: Snapshot, judgement: Judgement) -> dict[str, Any]:
    """Everything in an audit that does not depend on its time, or on the order of changes."""
    return {
        "held": snapshot.held,
        "links": snapshot.links,
        "lo up": snapshot.loopback_up,
        "prefixes": snapshot.prefixes,
        "black holes": snapshot.black_holes,
        "ARP": snapshot.arp,
        "twins": snapshot.twins,
        "views": {name: _without_past(view) for name, view in snapshot.domains.items()},
        "endpoints": {
            name: tuple(map(_alike, judged.endpoints)) for name, judged in judgement.domains.items()
        },
        "referenced": snapshot.referenced,
        "unresolved": dict(snapshot.unresolved),
        "findings": {
            finding.key: (finding.reason, finding.fix, finding.any_of) for finding in judgement.findings
        },
        "undecided": {
            (one.kind, one.domain, one.address, one.port, one.family) for one in judgement.undecided
        },
    }


def _alike(endpoint: JudgedEndpoint) -> JudgedEndpoint:
    """The endpoint without its reason, and UNUSED for REDIRECTED: unused ports need no connect to tell."""
    if endpoint.domain in ANY_OF and endpoint.verdict is Verdict.REDIRECTED:
        endpoint = endpoint._replace(verdict=Verdict.UNUSED)
    return endpoint._replace(reason="")


def _without_past(view: DomainObservation) -> DomainObservation:
    """The observation without outcomes of connects, which may be a minute old, and last listeners."""
    local = [
        one._replace(ports=tuple(port._replace(connect=None, last_served=None) for port in one.ports))
        for one in view.local
    ]
    return view._replace(local=tuple(local))


def _shown(one: Any, other: Any) -> str:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return str({key: value for key, value in one.items() if other.get(key) != value})
    if isinstance(one, set | frozenset) and isinstance(other, set | frozenset):
        return str(one - other)
    return str(one)


def _subject_words(subject: Subject) -> tuple[str, ...]:
    return (
        subject.kind.value,
        subject.interface or "",
        "" if subject.address is None else format_address(subject.address),
        "" if subject.prefixlen is None else str(subject.prefixlen),
        subject.domain or "",
        "" if subject.port is None else str(subject.port),
    )


def _said_of(word: Word) -> str:
    return "|".join(word[:6])


def _group(words: tuple[str, ...]) -> tuple[str, ...]:
    """The key of a finding, or of all findings of an any-of set at an address."""
    return words[:5] if _stands_for_any(words) else words


def _stands_for_any(words: tuple[str, ...]) -> bool:
    """Whether the entry is about all ports of an any-of set."""
    return words[0] == FindingKind.ORPHAN_VIP and words[4] in ANY_OF
