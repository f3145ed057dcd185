"""A world: a kernel, names, a journal, a disk and clocks, and the daemon that runs in it."""

from __future__ import annotations

from collections import deque
from hashlib import blake2b
from pathlib import Path
from random import Random

from lowatch.app.daemon import SWEEP_EVERY
from lowatch.core.policy import Policy

from .disk import Disk
from .faults import LIES, Faults
from .journald import Journald
from .kernel import Kernel, Nat
from .life import SETTINGS, Life
from .loop import STARTED_AT, SimulatedClock, VirtualLoop
from .name_service import NameService
from .nameservers import Record, Servers, Zone, first_records
from .places import ADDRESSES, ARPS, ENDPOINTS, HELD_AT_FIRST, HOLDINGS, SERVICE, VIPS, policies
from .script import Event

_FILES_TOLD_AFTER = (0.2, 3.0)
"""Seconds from a change of a file until the daemon is notified."""
_TAIL = 400


class World:
    """life: the current run of the daemon; None between two."""

    def __init__(self, seed: int, directory: Path, loop: VirtualLoop) -> None:
        self.loop = loop
        self.random = Random(f"world {seed}")
        self.hold = Random(f"hold {seed}").choice((0.0, 2.0, 10.0, 30.0))
        self.sweep_every = Random(f"sweep {seed}").choice((SWEEP_EVERY, *3 * (4 * SWEEP_EVERY,)))
        """Seconds. With a longer one, changes that only a sweep sees stay unseen for longer."""
        self.burst, self.capacity = Random(f"burst {seed}").choice(
            ((200, 1024), (200, 1024), (2, 1024), (200, 2))
        )
        """How many alerts may be entries of their own, and how many may wait. The others are folded."""
        self.rest = self.hold + 2 * self.sweep_every
        self.clock = SimulatedClock(loop)
        self.faults = Faults(loop, self.random)
        self.kernel = Kernel(loop, self.faults)
        self.zone = Zone(first_records(VIPS))
        servers = Servers(self.zone, self.faults, self.random)
        self.names = NameService(loop, self.faults, servers)
        self.journald = Journald(loop, self.faults)
        self.disk = Disk(directory, loop, self.faults)
        self.disk.touched = self._disk_touched
        self.policies = policies(self.hold)
        self.policy: Policy = self.policies[0]
        self.dns = SETTINGS[0]
        self.life: Life | None = None
        self.lives = 0
        self.gone_for = 0.0
        self._kill_when = ""
        self._kill_countdown = 0
        self._kill_turns = 0
        self._hash = blake2b(digest_size=16)
        self.tail: deque[str] = deque(maxlen=_TAIL)

    # The story: for people, and to compare with another run.

    def tell(self, line: str) -> None:
        text = f"[{self.loop.turns}] {self.loop.time() - STARTED_AT:.6f} {line}"
        self._hash.update(text.encode())
        self.tail.append(text)

    @property
    def trace(self) -> str:
        """A digest of the story so far. It is the same for the same seed."""
        return self._hash.hexdigest()

    # Its lives.

    def begin_life(self) -> Life:
        self.disk.thaw()
        self.lives += 1
        self.life = Life(self, self.lives)
        self.tell(f"life {self.lives} begins with {len(self.life.remembered)} findings")
        return self.life

    def end_life(self) -> None:
        assert self.life is not None
        self.tell(f"life {self.life.number} {'was killed' if self.life.killed else 'ended'}")
        self.life = None
        self._kill_when = ""

    def _kill_soon(self) -> None:
        """Kills the daemon after some more turns of the loop."""
        self._kill_when = ""
        if self._kill_turns:
            self._kill_turns -= 1
            self.loop.call_soon(self._kill_soon)
        elif self.life is not None:
            self.life.kill()

    def journal_written(self) -> None:
        """The journal has taken an entry: a kill that waits for one is now due."""
        self._count_down("told")

    def _disk_touched(self) -> None:
        self._count_down("written")

    def _count_down(self, what: str) -> None:
        if self._kill_when != what:
            return
        if self._kill_countdown:
            self._kill_countdown -= 1
        elif self._kill_turns:
            self._kill_soon()
        elif self.life is not None:
            self._kill_when = ""
            self.life.kill()

    # Events; see script.

    def happen(self, event: Event) -> None:
        self.tell(f"- {event.what} {' '.join(map(str, event.arguments))}")
        getattr(self, f"_{event.what}")(*event.arguments)

    def _hold(self, number: int, present: bool) -> None:
        self.kernel.hold(HOLDINGS[number], present)

    def _serve(self, number: int, full: bool = False) -> None:
        self.kernel.serve(ENDPOINTS[number], full)

    def _close(self, number: int) -> None:
        self.kernel.close(ENDPOINTS[number])

    def _nat(self, number: int, nat: str) -> None:
        self.kernel.lead(ENDPOINTS[number], Nat(nat) if nat else None)

    def _link(self, name: str, up: bool) -> None:
        self.kernel.set_up(name, up)

    def _arp(self, number: int) -> None:
        self.kernel.set_arp(ARPS[number])

    def _zone(self, name: str, ttl: int, rotates: bool, *addresses: int) -> None:
        self.zone.put(name, Record(tuple(ADDRESSES[number] for number in addresses), ttl, rotates))

    def _no_such_name(self, name: str) -> None:
        self.zone.put(name, None)

    def _service(self, ttl: int, *records: tuple[int, str]) -> None:
        self.zone.put(SERVICE, Record((), ttl, services=records))

    def _mend_sockets(self) -> None:
        for endpoint in ENDPOINTS:
            self.kernel.lead(endpoint, None)
            self.kernel.serve(endpoint)

    def _mend_holdings(self) -> None:
        for number, held in enumerate(HOLDINGS):
            self.kernel.hold(held, number in HELD_AT_FIRST)

    def _mend_links(self) -> None:
        for name in list(self.kernel.links):
            self.kernel.set_up(name, up=True)

    def _mend_files(self) -> None:
        self.names.directory.clear()
        self._nameservers(0)
        self._hosts(0)
        self._switch(0)

    def _mend_arp(self) -> None:
        self._arp(0)

    def _first_records(self) -> None:
        for name, record in first_records(VIPS).items():
            self.zone.put(name, record)

    def _hosts(self, number: int) -> None:
        self.names.write_hosts(number)
        self._tell_of_files()

    def _switch(self, number: int) -> None:
        self.names.write_switch(number)
        self._tell_of_files()

    def _directory(self, name: str, *addresses: int) -> None:
        self.names.put(name, tuple(ADDRESSES[number] for number in addresses))

    def _nameservers(self, number: int) -> None:
        self.dns = SETTINGS[number]
        if self.life is not None and not self.life.ended:
            self.life.engine.replace_settings(self.dns)

    def _tell_of_files(self) -> None:
        def told() -> None:
            if self.life is not None:
                self.life.files_changed()

        self.loop.call_later(self.random.choice(_FILES_TOLD_AFTER) * (0.1 + self.random.random()), told)

    def _fault(self, kind: str, seconds: float) -> None:
        self.faults.begin(kind, seconds)
        if kind in LIES:
            self.zone.changed()
            self.loop.call_later(seconds + 0.001, self.zone.changed)

    def _set_wall(self, by: float) -> None:
        self.clock.set_wall(by)

    def _suspend(self, seconds: float) -> None:
        self.clock.suspend(seconds)

    def _reload(self, number: int) -> None:
        self.policy = self.policies[number]
        if self.life is not None and not self.life.ended:
            self.life.replace_policy(self.policy)

    def _stop(self, gone_for: float) -> None:
        if self.life is not None:
            self.gone_for = gone_for
            self.life.stop()

    def _kill(self, when: str, countdown: int, turns: int, gone_for: float) -> None:
        self.gone_for = gone_for
        self._kill_turns = turns
        if when == "now":
            self._kill_soon()
        else:
            self._kill_when, self._kill_countdown = when, countdown

    @property
    def is_rotating(self) -> bool:
        return any(record.rotates for record in self.zone.records.values())
