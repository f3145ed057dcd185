"""The journal sink against the real journald, which is stopped, and whose disk is full."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import time
from dataclasses import replace
from typing import Any

import pytest

from lowatch.core.addresses import parse_address, parse_port
from lowatch.core.clock import Now
from lowatch.core.findings import Finding, FindingKind, Subject
from lowatch.core.lifecycle import (
    FindingState,
    Tracked,
)
from lowatch.report.alert import entry as alert
from lowatch.report.alert.storm import BURST, FOLDED_AT_ONCE
from lowatch.service.journal.sink import JournalSink
from tests.unit.service.real_journald import DIRECTORY, arrived, explained, journald, told_beside_journald

NOW = Now(monotonic=5000.0, wall=1795403527.0)
STORM = 2000
"""Alerts while journald is stopped: far more than its socket takes (743 when that was measured)."""
OF_EVERY_KIND = 2 * len(FindingKind) + 2
"""Entries that `every_kind` leaves, before the rest."""
OF_A_KIND = 5
"""In the stopped journald's queue, besides the storm: of the other classes, each an entry of its own."""
AT_ONCE = 0.1
"""Seconds of CPU that the loop may be held: far more than on an idle host, where it is 5 ms.

A call that waits for journald would never return: journald continues later.
"""


def alarm(number: int, kind: FindingKind = FindingKind.MISSING_VIP) -> Tracked:
    subject = Subject(kind, address=parse_address("192.0.2.1"), domain=str(number))
    return Tracked(Finding(subject, "it is not held"), FindingState.FIRING, NOW.wall, 0.0)


FULL = Tracked(
    Finding(
        Subject(
            FindingKind.ORPHAN_VIP,
            "lo",
            parse_address("2001:db8::10"),
            "www.example.com",
            parse_port("443/tcp"),
        ),
        "nothing listens",
        ("first line\nsecond line", "systemctl start nginx.service"),
    ),
    FindingState.RESOLVED,
    NOW.wall - 60,
    NOW.monotonic,
)
HUGE = replace(alarm(0), finding=replace(alarm(0).finding, message="x" * (1 << 19)))


@pytest.fixture(scope="module")
def outcome() -> dict[str, Any]:
    """What `scenario` gives, and "explained": what `journalctl -x` shows of each kind."""
    document: dict[str, Any] = told_beside_journald(__name__)
    return document


def test_journald_keeps_every_field(outcome: dict[str, Any]) -> None:
    full, bare, huge = outcome["before"]
    for entry, tracked in ((full, FULL), (bare, alarm(0)), (huge, HUGE)):
        expected = alert.fields(tracked, NOW)
        assert {name: entry[name] for name in expected} == expected
    assert bare["LOWATCH_FIX"] == ""


def test_a_stopped_journald_stalls_nothing_and_gets_all_in_order_when_it_continues(
    outcome: dict[str, Any],
) -> None:
    entries = outcome["after"]
    critical = [entry for entry in entries if entry["LOWATCH_KIND"] == "missing-vip"]
    own, summaries = critical[: BURST - 2], critical[BURST - 2 :]
    assert [int(entry["LOWATCH_DOMAIN"]) for entry in own] == list(range(1, BURST - 1))
    assert len(summaries) == -(-(STORM - len(own)) // FOLDED_AT_ONCE)
    folded = [json.loads(line) for entry in summaries for line in entry["LOWATCH_FOLDED"].splitlines()]
    assert [int(row["domain"]) for row in folded] == list(range(BURST - 1, STORM + 1))
    for kind in ("wide-prefix", "idle-vip"):
        rest = [entry for entry in entries if entry["LOWATCH_KIND"] == kind]
        assert [int(entry["LOWATCH_DOMAIN"]) for entry in rest] == list(range(OF_A_KIND))
    assert outcome["waited"] > STORM / 2
    assert outcome["dropped"] == 0
    assert outcome["worst"] < AT_ONCE


def test_a_full_disk_raises_no_error_and_stalls_nothing(outcome: dict[str, Any]) -> None:
    assert outcome["full_disk"] == {"undelivered": 0, "dropped": 0, "answers": True}


def test_every_kind_is_explained_with_its_fields(outcome: dict[str, Any]) -> None:
    text = outcome["explained"]
    subjects = re.findall(r"Subject: (.*)", text)
    assert len(subjects) == OF_EVERY_KIND
    assert not re.search("@[A-Z_]+@", text)
    # What journalctl cannot replace, it leaves as the bare name.
    assert not re.search(r"LOWATCH_(?!FOLDED)[A-Z]+", text)
    assert "Storm: 3 findings orphan-vip are firing at once" in subjects
    assert "lowatch history --since -1h --kind orphan-vip" in text
    assert "lowatch explain 192.0.2.1" in text
    for kind in FindingKind:
        assert f"Resolved: {kind}" in subjects
        assert f'kind = "{kind}"' in text


async def scenario(process: int) -> dict[str, Any]:
    sink = JournalSink(asyncio.get_running_loop())
    for tracked in (FULL, alarm(0), HUGE):
        sink.announce(tracked, NOW)
    before = (await arrived(OF_EVERY_KIND + 3))[OF_EVERY_KIND:]
    os.kill(process, signal.SIGSTOP)
    worst = await storm(sink)
    waited = len(sink.undelivered())
    os.kill(process, signal.SIGCONT)
    own = BURST - 2
    number = OF_EVERY_KIND + 3 + 2 * OF_A_KIND + own + -(-(STORM - own) // FOLDED_AT_ONCE)
    after = (await arrived(number))[OF_EVERY_KIND + 3 :]
    outcome = {"before": before, "after": after, "waited": waited, "dropped": sink.dropped, "worst": worst}
    return {**outcome, "full_disk": await full_disk(sink)}


async def storm(sink: JournalSink) -> float:
    """Announced as the daemon does, some at a time. How long the loop was held in the worst case."""
    loop = asyncio.get_running_loop()
    worst = 0.0
    for number in range(OF_A_KIND):
        sink.announce(alarm(number, FindingKind.WIDE_PREFIX), NOW)
        sink.announce(alarm(number, FindingKind.IDLE_VIP), NOW)
    for first in range(1, STORM + 1, 32):
        started = time.thread_time()
        for number in range(first, min(first + 32, STORM + 1)):
            sink.announce(alarm(number), NOW)
        await asyncio.sleep(0)
        worst = max(worst, time.thread_time() - started)
    until = loop.time() + 1  # the summaries are made meanwhile
    while loop.time() < until:
        started = time.thread_time()
        await asyncio.sleep(0.005)
        worst = max(worst, time.thread_time() - started)
    return worst


async def full_disk(sink: JournalSink) -> dict[str, Any]:
    """journald takes entries all the same, and cannot keep them: no sender learns of that."""
    filler = os.open(DIRECTORY / "filler", os.O_WRONLY | os.O_CREAT)
    try:
        while os.write(filler, bytes(1 << 16)):
            pass
    except OSError:
        pass
    os.close(filler)
    for number in range(OF_A_KIND, 100):
        sink.announce(alarm(number, FindingKind.WIDE_PREFIX), NOW)
    await taken(sink)
    return {"undelivered": len(sink.undelivered()), "dropped": sink.dropped, "answers": True}


async def every_kind() -> None:
    """A firing and a resolved entry of each, and a storm."""
    sink = JournalSink(asyncio.get_running_loop())
    for kind in FindingKind:
        one = alarm(1, kind)
        sink.announce(one, NOW)
        sink.announce(replace(one, state=FindingState.RESOLVED, present=False), NOW)
    await taken(sink)
    sink = JournalSink(asyncio.get_running_loop(), burst=1)
    for number in range(4):
        sink.announce(alarm(number, FindingKind.ORPHAN_VIP), NOW)
    await taken(sink)
    await arrived(OF_EVERY_KIND)


async def taken(sink: JournalSink) -> None:
    """Until journald has taken all."""
    async with asyncio.timeout(20):
        while sink.undelivered():
            await asyncio.sleep(0.005)
    sink.close()


def main() -> None:
    with journald() as process:
        asyncio.run(every_kind())
        text = explained()
        outcome = asyncio.run(scenario(process.pid))
    print(json.dumps({**outcome, "explained": text}))


if __name__ == "__main__":
    main()
