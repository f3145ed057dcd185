"""`lowatch history` on the files of a real journald, to which lowatch's own sink has written.

The test runs this file again beside a journald: `main` writes the entries.
"""

from __future__ import annotations

import asyncio
import io
import json
import random
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from systemd import journal

from lowatch.core.addresses import parse_address, parse_port
from lowatch.core.clock import Now
from lowatch.core.findings import Finding, FindingKind, Subject
from lowatch.core.lifecycle import (
    FindingState,
    Tracked,
)
from lowatch.report.alert import entry as alert
from lowatch.service.journal.sink import JournalSink
from lowatch.service.journal.socket import JOURNAL_SOCKET, JournalSocket, encode
from tests.support.netns import as_ordinary_user
from tests.unit.cli.conftest import CommandLine, Result
from tests.unit.service.real_journald import arrived, journald, told_beside_journald

MADE_UP = "made-up.example.com"
NOBODY = 65534


def life(domain: str, began: float, kind: FindingKind = FindingKind.ORPHAN_VIP) -> Tracked:
    subject = Subject(kind, "lo", parse_address("192.0.2.10"), domain, parse_port("443/tcp"))
    return Tracked(Finding(subject, f"{domain} is dead here"), FindingState.FIRING, began, 0.0)


def ended(firing: Tracked) -> Tracked:
    """30 s after it had gone."""
    return replace(firing, state=FindingState.RESOLVED, present=False, changed=1000.0 - 30)


class Kept:
    """The journal's files, and the command that reads them: orphans, unless other kinds are asked for."""

    def __init__(self, place: Path, began: float, lowatch: CommandLine) -> None:
        self.place = place
        self.began = began
        self._lowatch = lowatch

    def __call__(self, *argv: object, **settings: Any) -> Result:
        kind = [] if "--kind" in argv else ["--kind=orphan-vip"]
        return self._lowatch("history", f"--directory={self.place}", *kind, *argv, **settings)

    def anywhere(self, *argv: object) -> Result:
        return self._lowatch("history", "--kind=orphan-vip", *argv)

    def rows(self, *argv: object) -> list[dict[str, Any]]:
        code, stdout, stderr = self("--format=json", *argv)
        assert (code, stderr) == (0, "")
        document = json.loads(stdout)
        assert (document["schema"], document["complete"]) == (1, True)
        rows: list[dict[str, Any]] = document["occurrences"]
        return rows

    def domains(self, *argv: object) -> list[str]:
        return [row["domain"] for row in self.rows(*argv)]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """Where the files are, and when the lives began in seconds since the epoch."""
    place = tmp_path_factory.mktemp("journal") / "kept"
    return place, told_beside_journald(__name__, place, alone=only_root_exists())["began"]


@pytest.fixture
def kept(written: tuple[Path, float], lowatch: CommandLine) -> Kept:
    return Kept(*written, lowatch)


def only_root_exists() -> bool:
    """Whether the tests are an ordinary user's, who cannot be anybody else."""
    return Path("/proc/self/uid_map").read_text().split()[2] == "1"


EVERY = ["f2", "f1", "f0", "late", "shop", "www"]


def test_each_time_that_something_fired_newest_first(kept: Kept) -> None:
    rows = kept.rows()
    assert [row["domain"].split(".")[0] for row in rows] == EVERY
    www = rows[-1]
    since = alert.rfc3339(kept.began)
    assert {**www, "fired_at": None, "resolved_at": None, "host": None} == {
        "host": None,
        "kind": "orphan-vip",
        "severity": "critical",
        "state": "resolved",
        "interface": "lo",
        "address": "192.0.2.10",
        "prefixlen": None,
        "domain": "www.example.com",
        "port": 443,
        "protocol": "tcp",
        "last_unit": None,
        "victims": None,
        "victim": None,
        "since": since,
        "until": alert.rfc3339(kept.began + 70),
        "lasted_seconds": 70,
        "fired_at": None,
        "resolved_at": None,
        "message": "www.example.com is dead here",
        "folded": False,
        "netns": None,
    }
    assert www["host"]
    assert www["fired_at"] <= www["resolved_at"]
    shop = rows[-2]
    assert (shop["state"], shop["until"], shop["lasted_seconds"]) == ("firing", None, None)


def test_those_of_a_storm_are_each_shown(kept: Kept) -> None:
    rows = kept.rows()[:3]
    assert [row["folded"] for row in rows] == [True, True, False]
    assert [row["lasted_seconds"] for row in rows] == [70, 70, 70]
    assert [row["port"] for row in rows] == [443, 443, 443]


def test_as_text(kept: Kept) -> None:
    code, stdout, stderr = kept("--until", "now")
    assert (code, stderr) == (0, "")
    heading, *lines, last = stdout.splitlines()
    assert heading.split() == ["SINCE", "UNTIL", "LASTED", "SEVERITY", "KIND", "WHERE"]
    since, until = alert.rfc3339(kept.began), alert.rfc3339(kept.began + 70)
    where = "www.example.com at 192.0.2.10 on lo, 443/tcp"
    assert lines[-1] == f"{since}  {until}    1 min 10 s  critical  orphan-vip         {where}"
    assert lines[-2].split()[1:3] == ["-", "-"]
    assert last == "6 alerts, 1 without a recorded end (-)"


def test_filters(kept: Kept) -> None:
    assert kept.domains("--kind", "wide-prefix") == ["slow.example.com"]
    assert kept.domains("--domain", "SHOP.example.com.") == ["shop.example.com"]
    assert kept.domains("--domain", "f1.example.com") == ["f1.example.com"]
    assert kept.domains("--address", "192.0.2.10", "-n", 3) == [f"f{n}.example.com" for n in (2, 1, 0)]
    assert kept.domains("--address", "192.0.2.1") == []
    assert kept.domains("--kind", "wide-prefix", "--domain", "www.example.com") == []
    assert kept.domains("--unit=lowatch", "--since", "-1h", "--lines=1") == ["f2.example.com"]


def test_times_as_it_shows_them_itself(kept: Kept) -> None:
    soon = alert.rfc3339(time.time() + 60)
    assert [name.split(".")[0] for name in kept.domains("--since", alert.rfc3339(kept.began))] == EVERY
    assert kept.domains("--since", soon) == []
    assert kept.domains("--until", "2010-01-02T03:00:00+01:00") == []


def test_nothing_is_said_to_be_nothing(kept: Kept) -> None:
    assert kept("--since", "2010-01-01", "--until", "2010-01-02 03:00") == (
        0,
        "The journal has no alerts.\n",
        "",
    )
    assert kept.rows("--until", "-1d") == []


def test_what_others_wrote_is_not_believed(kept: Kept) -> None:
    assert MADE_UP not in kept.domains()
    believing = kept.domains("--any-writer")
    assert (MADE_UP in believing) is not only_root_exists()  # who is alone has nobody to be deceived by


def test_what_is_no_alert_is_counted_and_left_out(kept: Kept) -> None:
    code, stdout, stderr = kept("--kind", "idle-vip")
    assert code == 0
    assert "The journal has no alerts" in stdout
    assert stderr == "lowatch: 3 unreadable entries ignored\n"


def test_nothing_that_a_terminal_would_obey_is_shown(kept: Kept) -> None:
    code, stdout, _ = kept("--kind", "holder-down")
    assert code == 0
    assert "\\x1b[31m" in stdout
    assert "\\udcff" in stdout or "\\xff" in stdout
    assert stdout.isascii()
    assert all(character.isprintable() for character in stdout.replace("\n", ""))


def test_numbers_that_no_converter_takes(kept: Kept) -> None:
    """Anyone can write them, and systemd-python would raise OverflowError."""
    [system] = kept.place.rglob("system.journal")
    with journal.Reader(files=[str(system)]) as reader:
        reader.add_match("LOWATCH_DOMAIN=numbers.example.com")
        with pytest.raises(OverflowError):
            reader.get_next()
    assert kept.domains("--kind", "missing-vip") == ["numbers.example.com"]


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--address", "192.0.2.300"], "lowatch: --address: '192.0.2.300' does not appear"),
        (["--domain", "*.example.com"], "lowatch: --domain: '*.example.com' is a wildcard"),
    ],
)
def test_usage(kept: Kept, argv: list[str], words: str) -> None:
    code, stdout, stderr = kept(*argv)
    assert (code, stdout) == (2, "")
    assert stderr.startswith(words)


def test_since_and_until_are_those_of_an_entrys_writing(kept: Kept) -> None:
    """To the microsecond, both included."""
    shown = kept.rows("--domain", "shop.example.com")
    written = written_at(kept.place, "shop.example.com")
    assert kept.rows("--domain=shop.example.com", f"--since=@{written}", f"--until=@{written}") == shown
    before, after = f"@{written - Decimal('0.000002')}", f"@{written + Decimal('0.000002')}"
    assert kept.domains("--domain=shop.example.com", "--until", before) == []
    assert kept.domains("--domain=shop.example.com", "--since", after) == []


def written_at(place: Path, domain: str) -> Decimal:
    command = ["journalctl", f"--directory={place}", "--output=json", f"LOWATCH_DOMAIN={domain}"]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    return Decimal(json.loads(ran.stdout)["__REALTIME_TIMESTAMP"]) / 1_000_000


def test_without_systemd_python(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "systemd", None)
    assert kept() == (
        3,
        "",
        (
            "lowatch: reading the journal needs systemd-python: install Debian's python3-systemd, "
            "or lowatch[systemd] with pip or pipx\n"
        ),
    )


NO_PERMISSION = (
    "lowatch: no permission to read the system journal: use root, or the group systemd-journal or adm\n"
)


@pytest.mark.parametrize("follow", [[], ["--follow"]])
def test_what_may_not_be_read_is_no_empty_history(kept: Kept, tmp_path: Path, follow: list[str]) -> None:
    place = tmp_path / "closed"
    shutil.copytree(kept.place, place)
    closed_to_us(place)
    ran = run_as_ordinary_user(f"--directory={place}", *follow)
    assert (ran.returncode, ran.stdout, ran.stderr) == (3, "", NO_PERMISSION)


def closed_to_us(place: Path) -> list[Path]:
    files = sorted(place.rglob("*.journal"))
    for file in files:
        file.chmod(0)
    return files


def run_as_ordinary_user(*argv: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lowatch", "history", *argv]
    return subprocess.run(
        as_ordinary_user(*command), capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )


def test_ones_own_entries_are_shown_and_the_rest_is_told(kept: Kept, tmp_path: Path) -> None:
    """As for a user who has a journal of his own."""
    place = tmp_path / "some"
    shutil.copytree(kept.place, place)
    [system] = place.rglob("system.journal")
    shutil.copy(system, system.with_name("user-1000.journal"))
    system.chmod(0)
    ran = run_as_ordinary_user(f"--directory={place}", "--kind=orphan-vip", "--format=json")
    document = json.loads(ran.stdout)
    assert (ran.returncode, document["complete"], len(document["occurrences"])) == (3, False, 6)
    assert ran.stderr == NO_PERMISSION
    ran = run_as_ordinary_user(f"--directory={place}", "--kind=orphan-vip", "--lines=1")
    assert (ran.returncode, len(ran.stdout.splitlines()), ran.stderr) == (3, 2, NO_PERMISSION)


def test_a_place_that_is_not_there(lowatch: CommandLine, tmp_path: Path) -> None:
    missing = tmp_path / "none"
    for option, words in (
        ("--directory", f"cannot read {missing}: No such file or directory"),
        ("--file", f"no journal files in {missing}"),
    ):
        assert lowatch("history", option, missing) == (3, "", f"lowatch: {words}\n")
    assert lowatch("history", "-D", tmp_path) == (3, "", f"lowatch: no journal files in {tmp_path}\n")


def test_damaged_files_are_named_and_the_rest_is_read(kept: Kept, tmp_path: Path) -> None:
    place = tmp_path / "damaged"
    shutil.copytree(kept.place, place)
    [system] = place.rglob("system.journal")
    garbage, short = system.with_name("garbage.journal"), system.with_name("short.journal~")
    garbage.write_bytes(bytes(100_000))
    short.write_bytes(system.read_bytes()[:100_000])
    told = (
        f"lowatch: cannot read {garbage}: it is corrupted\nlowatch: cannot read {short}: it is truncated\n"
    )
    for where in ([f"--directory={place}"], [f"--file={place}/*/*.journal*"]):
        code, stdout, stderr = kept.anywhere(*where, "--format=json")
        document = json.loads(stdout)
        assert (code, stderr, document["complete"], len(document["occurrences"])) == (3, told, False, 6)
    for number in range(6):
        system.with_name(f"more-{number}.journal").touch()
    code, _, stderr = kept.anywhere(f"--directory={place}")
    assert (code, len(stderr.splitlines())) == (3, 6)
    assert stderr.endswith("lowatch: cannot read 3 more files of the journal\n")
    system.unlink()
    code, stdout, stderr = kept.anywhere(f"--directory={place}")
    assert (code, stdout, len(stderr.splitlines())) == (3, "", 6)


def test_damage_inside_a_file_breaks_nothing(kept: Kept, tmp_path: Path) -> None:
    """libsystemd leaves damaged entries out; whatever it gives is shown harmlessly."""
    [system] = kept.place.rglob("system.journal")
    whole = system.read_bytes()
    for seed in range(20):
        broken = bytearray(whole)
        numbers = random.Random(seed)
        for _ in range(200):
            place = numbers.randrange(4096, len(whole) - 8)
            broken[place : place + 8] = numbers.randbytes(8)
        file = tmp_path / f"{seed}.journal"
        file.write_bytes(broken)
        code, stdout, stderr = kept.anywhere(f"--file={file}")
        assert code in (0, 3), stderr
        assert "Traceback" not in stderr
        assert all(character.isprintable() for character in stdout.replace("\n", ""))


def test_files_by_name(kept: Kept, lowatch: CommandLine) -> None:
    (file,) = kept.place.rglob("system.journal")
    assert lowatch("history", "--kind=orphan-vip", "--file", file).stdout == kept().stdout


def test_a_reader_who_has_seen_enough_ends_it_all(kept: Kept) -> None:
    class Closed(io.StringIO):
        def write(self, _text: str) -> int:
            raise BrokenPipeError

    assert kept(stdout=Closed()).code == 141


async def write_lives(now: Now) -> None:
    began = now.wall - 100
    sink = JournalSink(asyncio.get_running_loop())
    www, shop = life("www.example.com", began), life("shop.example.com", began)
    slow = life("slow.example.com", began - 7 * 86400, FindingKind.WIDE_PREFIX)
    for one in (www, shop, ended(www), slow, ended(slow), life("late.example.com", began)):
        sink.announce(one, now)
    sink.announce(ended(life("late.example.com", began)), now)
    storm = JournalSink(asyncio.get_running_loop(), burst=1)
    lives = [life(f"f{number}.example.com", began) for number in range(3)]
    for one in (*lives, *map(ended, lives)):
        storm.announce(one, now)
    while sink.undelivered() or storm.undelivered():
        await asyncio.sleep(0.005)
    sink.close()
    storm.close()
    await write_odd_ones(now)
    await arrived(7 + 4 + ODD)


ODD = 6


async def write_odd_ones(now: Now) -> None:
    """What lowatch does not write, or nobody else does in its place."""
    fields = alert.fields(life("odd.example.com", now.wall, FindingKind.IDLE_VIP), now)
    storm = {**fields, "MESSAGE_ID": alert.STORM_MESSAGE_ID}
    odd = [
        encode({**fields, "LOWATCH_SINCE": "yesterday"}),
        encode({**fields, "LOWATCH_STATE": "pending"}),
        encode({**storm, "LOWATCH_FOLDED": "[]"}),
    ]
    down = alert.fields(life("", now.wall, FindingKind.HOLDER_DOWN), now)
    odd += [
        encode({**down, "LOWATCH_DOMAIN": "\x1b[31mred"}) + b"LOWATCH_DOMAIN=again\n",
        encode(down).replace(b"LOWATCH_DOMAIN=\n", b"LOWATCH_DOMAIN=not\xffutf-8\n"),
    ]
    missing = alert.fields(life("numbers.example.com", now.wall, FindingKind.MISSING_VIP), now)
    odd.append(encode({**missing, "COREDUMP_TIMESTAMP": "9" * 400, "ERRNO": "none", "LEADER": "-1"}))
    channel = JournalSocket(asyncio.get_running_loop(), JOURNAL_SOCKET)
    for datagram in odd:
        channel.send(datagram)
        await asyncio.sleep(0.02)
    channel.close()


def make_up(now: Now) -> None:
    """As another user, by the tool that anyone has."""
    fields = alert.fields(life(MADE_UP, now.wall), now)
    lines = "".join(f"{name}={value}\n" for name, value in fields.items())
    other = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    subprocess.run([*other, "logger", "--journald"], input=lines, text=True, check=True)


def main() -> None:
    now = Now(1000.0, float(int(time.time())))
    with journald(Path(sys.argv[1])):
        if not only_root_exists():
            make_up(now)
        asyncio.run(write_lives(now))
    print(json.dumps({"began": now.wall - 100}))


if __name__ == "__main__":
    main()
