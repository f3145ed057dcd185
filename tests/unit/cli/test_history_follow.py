"""`lowatch history --follow` beside a real journald: new entries, rotation, and an output that ends.

The test runs this file again beside a journald: `main` writes the entries and reads what the command shows.
"""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lowatch.core.clock import Now
from lowatch.report.alert.entry import RESOLVED_MESSAGE_ID
from lowatch.service.journal.sink import JournalSink
from tests.support.waiting import eventually
from tests.unit.cli.test_history_read import ended, life
from tests.unit.service.real_journald import DIRECTORY, journald, told_beside_journald

SCENARIOS: dict[str, Callable[[subprocess.Popen[bytes]], object]] = {}


def scenario(
    run: Callable[[subprocess.Popen[bytes]], object],
) -> Callable[[subprocess.Popen[bytes]], object]:
    SCENARIOS[run.__name__] = run
    return run


def beside_journald(run: Callable[[subprocess.Popen[bytes]], object]) -> Any:
    return told_beside_journald(__name__, run.__name__)


def alert(domain: str, *, resolved: bool = False) -> None:
    now = Now(1000.0, time.time())

    async def send() -> None:
        sink = JournalSink(asyncio.get_running_loop())
        one = life(domain, now.wall - 100)
        sink.announce(ended(one) if resolved else one, now)
        while sink.undelivered():
            await asyncio.sleep(0.005)
        sink.close()

    asyncio.run(send())


@contextmanager
def following(*argv: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "lowatch", "history", "--follow", *argv]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def domains(process: subprocess.Popen[str], number: int) -> list[str]:
    assert process.stdout is not None
    return [json.loads(process.stdout.readline())["domain"].split(".")[0] for _ in range(number)]


def archived() -> list[Path]:
    return sorted(DIRECTORY.rglob("system@*.journal"))


def rotate(daemon: subprocess.Popen[bytes]) -> None:
    """Rotate, and wait until it is done."""
    before = len(archived())
    daemon.send_signal(signal.SIGUSR2)
    eventually(lambda: len(archived()) > before, 120)


@scenario
def through_rotation(daemon: subprocess.Popen[bytes]) -> object:
    """What is shown: each alert once, in order, whatever journald does to its files."""
    with following("--format=json") as process:
        alert("before.example.com")
        shown = domains(process, 1)
        for number in range(3):
            rotate(daemon)
            alert(f"r{number}.example.com")
            alert(f"s{number}.example.com")
            shown += domains(process, 2)
        for file in archived():
            file.unlink()
        alert("vacuumed.example.com")
        shown += domains(process, 1)
        rotate(daemon)
        rotate(daemon)
        alert("last.example.com")
        alert("last.example.com", resolved=True)
        return shown + domains(process, 2)


def test_each_alert_once_and_in_order_through_rotation_and_vacuum() -> None:
    assert beside_journald(through_rotation) == [
        "before",
        *("r0", "s0", "r1", "s1", "r2", "s2"),
        "vacuumed",
        *("last", "last"),
    ]


STARTS = {
    "": 10,
    "--lines=2": 2,
    "--since=-1h": 14,
    "--since=-1h --lines=3": 3,
    f"--lines={10**30} --since=@0": 16,
    f"--lines=1 --directory={DIRECTORY}": 1,
    f"--lines=1 --file={DIRECTORY}/*/system.journal": 1,
}
"""Options, and how many entries they show at first."""


@scenario
def where_it_starts(_daemon: subprocess.Popen[bytes]) -> object:
    """For each options: what was there, what is shown at first, and what is shown next."""
    there = [f"n{number}" for number in range(12)]
    for name in there:
        alert(f"{name}.example.com")
    shown = {}
    for number, (argv, first) in enumerate(STARTS.items()):
        with following("--format=json", *argv.split()) as process:
            at_first = domains(process, first)
            alert(f"next-{number}.example.com")
            shown[argv] = (there[:], at_first, domains(process, 1))
        there.append(f"next-{number}")
    return shown


def test_it_starts_with_the_last_ones_or_at_a_time() -> None:
    shown = beside_journald(where_it_starts)
    assert list(shown) == list(STARTS)
    for number, (argv, first) in enumerate(STARTS.items()):
        there, at_first, then = shown[argv]
        assert at_first == there[-first:], argv
        assert then == [f"next-{number}"], argv


@scenario
def how_it_ends(_daemon: subprocess.Popen[bytes]) -> object:
    alert("www.example.com")
    with following("-n", "1") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        lines = [process.stdout.readline(), process.stdout.readline()]
        process.stdout.close()
        closed = [process.wait(120), process.stderr.read()]
    with following() as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        interrupted = [process.wait(120), process.stderr.read()]
    return {"lines": lines, "closed": closed, "interrupted": interrupted}


def test_it_ends_with_its_reader_though_nothing_new_comes() -> None:
    ended_how = beside_journald(how_it_ends)
    heading, line = ended_how["lines"]
    assert heading.split() == ["TIME", "STATE", "LASTED", "SEVERITY", "KIND", "WHERE"]
    where = "www.example.com at 192.0.2.10 on lo, 443/tcp"
    assert line.split(maxsplit=5)[1:] == ["firing", "-", "critical", "orphan-vip", f"{where}\n"]
    assert ended_how["closed"] == [141, ""]
    assert ended_how["interrupted"] == [130, ""]


@scenario
def odd_ones(_daemon: subprocess.Popen[bytes]) -> object:
    with following("--format=json") as process:
        for domain in ("", "x"):
            for state in ("pending", "firing"):
                write({"LOWATCH_STATE": state, "LOWATCH_DOMAIN": domain})
        alert("www.example.com")
        shown = domains(process, 1)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        return {"shown": shown, "told": process.stderr.read()}


def write(fields: dict[str, str]) -> None:
    """By the tool that anyone has."""
    lines = {**fields, "MESSAGE_ID": RESOLVED_MESSAGE_ID}
    text = "".join(f"{name}={value}\n" for name, value in lines.items())
    subprocess.run(["logger", "--journald"], input=text, text=True, check=True)


def test_entries_that_are_no_alerts_are_told_once() -> None:
    assert beside_journald(odd_ones) == {
        "shown": ["www"],
        "told": "lowatch: 1 unreadable entry ignored; further ones are not reported\n",
    }


def main() -> None:
    with journald() as daemon:
        result = SCENARIOS[sys.argv[1]](daemon)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
