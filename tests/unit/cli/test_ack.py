"""lowatch ack: one file is written, as a whole and only where the configuration is valid with it."""

from __future__ import annotations

import stat
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from lowatch.cli import ack
from lowatch.config.load import load
from lowatch.files.lock import locked
from tests.unit.cli.conftest import CommandLine, Result

WriteConfig = Callable[[str], Path]
VIP = ("orphan-vip", "192.0.2.10")
WHY = ("--until", "2099-01-31", "--reason", "kept until the move")
OTHER = '# by hand\n[[acknowledge]]\nkind = "idle-vip"\nuntil = 2099-01-31\nreason = "spare"\n'


@pytest.fixture(autouse=True)
def no_wiring(lowatch: CommandLine, tmp_path: Path) -> None:
    """It builds nothing, and no daemon runs."""

    def refuse() -> None:
        pytest.fail("the wiring was asked for")

    lowatch.settings = {"wiring": refuse}
    lowatch.variables["RUNTIME_DIRECTORY"] = str(tmp_path / "run")


@pytest.fixture
def main(config_file: WriteConfig) -> Path:
    return config_file('domains = ["www.example.com"]\n')


def written(main: Path) -> Path:
    return main.parent / "lowatch.d" / "acknowledged.toml"


def acknowledged(main: Path) -> list[tuple[dict[str, str], str]]:
    return [(one.matchers, one.reason) for one in load(main).policy.acknowledgements]


def refused(result: Result, code: int = 2) -> list[str]:
    """What it says on stderr."""
    assert (result.code, result.stdout) == (code, "")
    return result.stderr.splitlines()


def test_it_writes_a_file_that_everyone_may_read(lowatch: CommandLine, main: Path, tmp_path: Path) -> None:
    code, stdout, stderr = lowatch("ack", *VIP, "WWW.example.com.", *WHY, "-c", main)
    assert code == 0
    what = "orphan-vip, address 192.0.2.10, domain www.example.com"
    assert stdout.startswith(f"acknowledged: {what}, until 2099-")
    assert stdout.endswith(": kept until the move\n")
    socket = tmp_path / "run" / "lowatch.sock"
    assert stderr == (
        f"lowatch: the daemon is not running: there is no {socket}; this counts once it runs\n"
    )
    matchers = {"kind": "orphan-vip", "address": "192.0.2.10", "domain": "www.example.com"}
    assert acknowledged(main) == [(matchers, "kept until the move")]
    assert stat.S_IMODE(written(main).stat().st_mode) == 0o644
    assert stat.S_IMODE(written(main).parent.stat().st_mode) == 0o755
    assert [path.name for path in written(main).parent.iterdir()] == ["acknowledged.toml"]


def test_without_a_configuration_file(lowatch: CommandLine, tmp_path: Path) -> None:
    """lowatch.d is beside the default one."""
    assert refused(lowatch("ack", *VIP, *WHY), 1) == [
        f"lowatch: {tmp_path}/etc/lowatch.d/acknowledged.toml: cannot be written: No such file or directory"
    ]
    (tmp_path / "etc").mkdir()
    assert lowatch("ack", *VIP, *WHY).code == 0
    assert (tmp_path / "etc" / "lowatch.d" / "acknowledged.toml").exists()


def test_options_may_stand_anywhere(lowatch: CommandLine, main: Path) -> None:
    assert lowatch("ack", "-c", main, "orphan-vip", *WHY, "192.0.2.10", "www.example.com").code == 0
    assert len(acknowledged(main)) == 1


def test_the_same_again_changes_it(lowatch: CommandLine, main: Path) -> None:
    lowatch("ack", *VIP, *WHY, "-c", main)
    lowatch("ack", "orphan-vip", "192.0.2.11", *WHY, "-c", main)
    again = lowatch("ack", *VIP, "--until=2098-01-31T12:00:00+01:00", "--reason=-later-", "-c", main)
    assert again.stdout == "changed: orphan-vip, address 192.0.2.10, until 2098-01-31T11:00:00Z: -later-\n"
    assert [(one["address"], reason) for one, reason in acknowledged(main)] == [
        ("192.0.2.11", "kept until the move"),
        ("192.0.2.10", "-later-"),
    ]
    assert "until = 2098-01-31T12:00:00+01:00\n" in written(main).read_text()


def test_what_was_written_by_hand_stays_as_it_is(lowatch: CommandLine, main: Path) -> None:
    written(main).parent.mkdir()
    other = written(main).with_name("other.toml")
    other.write_text(OTHER)
    before = (main.read_bytes(), other.read_bytes())
    lowatch("ack", "idle-vip", "192.0.2.0/24", *WHY, "-c", main)
    assert [reason for _, reason in acknowledged(main)] == ["kept until the move", "spare"]
    lowatch("ack", "--remove", "idle-vip", "192.0.2.0/24", "-c", main)
    assert [reason for _, reason in acknowledged(main)] == ["spare"]
    assert (main.read_bytes(), other.read_bytes()) == before


def test_a_file_of_that_name_that_was_written_by_hand_is_refused(lowatch: CommandLine, main: Path) -> None:
    written(main).parent.mkdir()
    written(main).write_text(OTHER)
    for command in (("ack", *VIP, *WHY), ("ack", "--remove", *VIP)):
        [line] = refused(lowatch(*command, "-c", main))
        assert line.startswith(f"{written(main)}:1: was not written by `lowatch ack` (")
    assert written(main).read_text() == OTHER


def test_a_configuration_that_is_wrong_leaves_everything_as_it_was(
    lowatch: CommandLine, config_file: WriteConfig
) -> None:
    main = config_file("hold = 30\n")
    [line] = refused(lowatch("ack", *VIP, *WHY, "-c", main))
    assert line.startswith(f"{main}:1: hold: ")
    assert not written(main).parent.exists()
    main.write_text("")
    lowatch("ack", *VIP, *WHY, "-c", main)
    before = written(main).read_bytes()
    main.write_text("hold = 30\n")
    refused(lowatch("ack", "idle-vip", "192.0.2.1", *WHY, "-c", main))
    refused(lowatch("ack", "--remove", *VIP, "-c", main))
    assert written(main).read_bytes() == before
    assert [path.name for path in written(main).parent.iterdir()] == ["acknowledged.toml"]


def test_a_configuration_that_does_not_exist(lowatch: CommandLine, tmp_path: Path) -> None:
    assert refused(lowatch("ack", *VIP, *WHY, "-c", tmp_path / "no.toml")) == [
        f"{tmp_path}/no.toml: no such file"
    ]
    assert not (tmp_path / "lowatch.d").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "expected KIND ADDRESS [DOMAIN], got 0 words"),
        (("orphan-vip", *WHY), "expected KIND ADDRESS [DOMAIN], got 1 word"),
        (("--reason", "two", "words", *VIP, "a", "b"), "got 5 words; is the reason quoted?"),
        ((*VIP, "--until", "2099-01-31"), "--reason is missing"),
        ((*VIP, "--reason", "x"), "--until is missing"),
        (("--list", "orphan-vip"), "--list takes no other argument"),
        (("--list", "--reason", "x"), "--list takes no other argument"),
        (("--remove", *VIP, "--reason", "x"), "--remove takes no --reason"),
        (("--remove", "--list"), "not allowed with argument"),
        (("orphan", "192.0.2.10", *WHY), "'orphan' is not a kind of finding"),
        (("orphan-vip", "192.0.2.10/24", *WHY), "has bits set beyond its length (perhaps 192.0.2.0/24)"),
        ((*VIP, "192.0.2.1", *WHY), "'192.0.2.1' is an address, not a domain"),
        (("--remove", "orphan-vip", "www.example.com"), "'www.example.com' is not a prefix"),
        ((*VIP, *WHY, "--until", "tomorrow"), "--until: 'tomorrow' is not a date (write it like"),
        ((*VIP, *WHY, "--until", "2099-02-29"), "--until: '2099-02-29' is not a date"),
        ((*VIP, *WHY, "--until", "12:00:00"), "--until: '12:00:00' is not a date"),
        ((*VIP, *WHY, "--until", "2099"), "--until: '2099' is not a date"),
        ((*VIP, *WHY, "--until", "2099-01-01\nx = 1"), r"--until: '2099-01-01\nx = 1' is not a date"),
        ((*VIP, *WHY, "--until", "2099-01-31T12:00:00"), "--until: has no offset"),
        ((*VIP, *WHY, "--until", "2020-01-31"), "--until: 2020-01-31 has passed"),
        ((*VIP, *WHY, "--reason", " "), "--reason: must say in one line why"),
        ((*VIP, *WHY, "--reason", "two\nlines"), "--reason: must say in one line why"),
        ((*VIP, *WHY, "--reason", "\udcff"), "--reason: must say in one line why"),
    ],
)
def test_wrong_arguments(lowatch: CommandLine, main: Path, arguments: tuple[str, ...], says: str) -> None:
    [line] = refused(lowatch("ack", *arguments, "-c", main))
    assert line.startswith("lowatch: ")
    assert says in line
    assert not written(main).parent.exists()


def test_all_mistakes_at_once(lowatch: CommandLine, main: Path) -> None:
    command = ("ack", "orphan", "192.0.2", "a b", "--until", "soon", "--reason", "", "-c", main)
    assert len(refused(lowatch(*command))) == 5


class TestRemove:
    def test_the_last_one_takes_the_file_along(self, lowatch: CommandLine, main: Path) -> None:
        for domain in ("a.example.com", "b.example.com"):
            lowatch("ack", *VIP, domain, *WHY, "-c", main)
        gone = lowatch("ack", "--remove", *VIP, "a.example.com", "-c", main)
        assert gone.stdout == "removed: orphan-vip, address 192.0.2.10, domain a.example.com\n"
        assert [one["domain"] for one, _ in acknowledged(main)] == ["b.example.com"]
        lowatch("ack", "--remove", *VIP, "b.example.com", "-c", main)
        assert acknowledged(main) == []
        assert list(written(main).parent.iterdir()) == []

    def test_one_that_is_not_there(self, lowatch: CommandLine, main: Path) -> None:
        lowatch("ack", *VIP, "www.example.com", *WHY, "-c", main)
        [line] = refused(lowatch("ack", "--remove", *VIP, "-c", main), 1)
        assert line == (
            f"lowatch: {written(main)} has no acknowledgement of orphan-vip, address 192.0.2.10 "
            "(see lowatch ack --list)"
        )

    def test_one_that_was_written_by_hand(self, lowatch: CommandLine, main: Path) -> None:
        table = '\n[[acknowledge]]\nkind = "idle-vip"\naddress = "::/0"\nuntil = 2099-01-31\nreason = "x"\n'
        main.write_text(table)
        [line] = refused(lowatch("ack", "--remove", "idle-vip", "::/0", "-c", main), 1)
        assert line == (
            f"lowatch: {written(main)} has no acknowledgement of idle-vip, address ::/0 "
            f"({main}:2 has it: edit that file)"
        )


def test_several_at_once_lose_nothing(main: Path) -> None:
    numbers = range(10, 16)
    commands = [
        [
            *(sys.executable, "-m", "lowatch", "ack", "orphan-vip", f"192.0.2.{number}", *WHY),
            *("-c", str(main), "--socket", str(main.parent / "none")),
        ]
        for number in numbers
    ]
    running = [
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for command in commands
    ]
    for process in running:
        _, stderr = process.communicate(timeout=300)
        assert process.returncode == 0, stderr
    found = sorted(one["address"] for one, _ in acknowledged(main))
    assert found == [f"192.0.2.{number}" for number in numbers]


def test_one_that_holds_the_lock_for_too_long(
    lowatch: CommandLine, main: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ack, "_LOCK_PATIENCE", 0.05)
    written(main).parent.mkdir()
    with locked(written(main).parent, 0):
        assert refused(lowatch("ack", *VIP, *WHY, "-c", main), 1) == [
            f"lowatch: {written(main).parent}: is locked by another process"
        ]
    assert lowatch("ack", *VIP, *WHY, "-c", main).code == 0


def test_without_permission(lowatch: CommandLine, main: Path) -> None:
    """As root without CAP_DAC_OVERRIDE: an ordinary user, as far as files go."""
    lowatch("ack", *VIP, *WHY, "-c", main)
    before = written(main).read_bytes()
    written(main).parent.chmod(0o555)
    command = [sys.executable, "-m", "lowatch", "ack", "idle-vip", "192.0.2.1", *WHY, "-c", str(main)]
    ran = subprocess.run(
        ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *command],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    denied = f"lowatch: {written(main)}: cannot be written: Permission denied\n"
    assert (ran.returncode, ran.stdout, ran.stderr) == (1, "", denied)
    assert written(main).read_bytes() == before


FULL_AND_READ_ONLY = """
    import subprocess, sys
    from pathlib import Path

    main = Path(sys.argv[1])
    directory = main.parent / "lowatch.d"
    def ack(address, reason):
        command = [sys.executable, "-m", "lowatch", "ack", "idle-vip", address, "--until", "2099-01-31"]
        command += ["--reason", reason, "-c", main, "--socket", main.parent / "none"]
        ran = subprocess.run(command, capture_output=True, text=True)
        print(ran.returncode, ran.stderr if ran.returncode else "")
        names = [path.name for path in directory.iterdir()]
        assert names == ["acknowledged.toml"], names

    directory.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", directory], check=True)
    ack("192.0.2.1", "fits")
    before = (directory / "acknowledged.toml").read_bytes()
    ack("192.0.2.2", "x" * 20_000)
    subprocess.run(["mount", "-o", "remount,bind,ro", directory], check=True)
    ack("192.0.2.3", "fits")
    assert (directory / "acknowledged.toml").read_bytes() == before
"""


def test_a_full_and_a_read_only_disk(main: Path) -> None:
    """In a mount namespace of its own, that of a child process."""
    program = [sys.executable, "-c", textwrap.dedent(FULL_AND_READ_ONLY), str(main)]
    command = ["unshare", "--user", "--map-root-user", "--mount", *program]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stderr
    where = f"lowatch: {written(main)}: cannot be written"
    assert ran.stdout.split("\n") == [
        "0 ",
        f"1 {where}: No space left on device",
        "",
        f"1 {where}: Read-only file system",
        "",
        "",
    ]
