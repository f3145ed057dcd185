"""[[domains_from]] from the TOML to the domains, via real files."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest

from lowatch.config import domain_names as names
from lowatch.config.domains_from.read import read_names
from lowatch.config.load import load
from lowatch.config.mentions import with_targets
from lowatch.config.settings import Config
from lowatch.config.targets import DomainTarget
from lowatch.core.addresses import Port
from lowatch.core.limits.config import NAMES_FILE_BYTES
from lowatch.core.policy import Domain
from tests.unit.config.domains_from.conftest import put, told

HTTPS, ALTERNATE = Port(443, "tcp"), Port(8443, "tcp")


class TestNames:
    def test_they_come_from_every_file_by_its_suffix(self, main: Path) -> None:
        put(main, "a.json", '\ufeff[{"targets": ["a.example:443"]}]')
        put(main, "b.yml", "- targets: [b.example]")
        put(main, "c.YAML", "\ufeff- targets: [c.example]")
        put(main, "d.txt", "\ufeffd.example 8443\n")
        put(main, "e", "e.example\n")
        put(main, ".f.txt.swp", "f.example\n")
        config = load(main)
        assert config.problems == config.unread == ()
        assert config.policy.domains == {
            "a.example": Domain("a.example", (HTTPS,), any_of=False),
            "b.example": Domain("b.example"),
            "c.example": Domain("c.example"),
            "d.example": Domain("d.example", (ALTERNATE,), any_of=False),
            "e.example": Domain("e.example"),
        }
        [one] = config.domains_from
        assert (one.path, one.files, one.domains) == (f"{main.parent}/names.d/*", 5, 5)

    def test_they_add_up_union_the_toml(self, main: Path) -> None:
        main.write_text(
            'ports = ["8443"]\ndomains = ["b.example", "a.example:443", "c.example"]\n'
            '[[domain]]\nname = "a.example"\n' + main.read_text()
        )
        put(main, "1.txt", "a.example 8443\nb.example\nd.example\n")
        put(main, "2.txt", "b.example 443\na.example:443\n")
        config = load(main)
        assert list(config.policy.domains) == ["b.example", "a.example", "c.example", "d.example"]
        assert config.policy.domains == {
            "b.example": Domain("b.example", (HTTPS,), any_of=False),
            "a.example": Domain("a.example", (HTTPS, ALTERNATE), any_of=False),
            "c.example": Domain("c.example", (ALTERNATE,)),
            "d.example": Domain("d.example", (ALTERNATE,)),
        }
        assert config.named == {
            "b.example": Domain("b.example", (ALTERNATE,)),
            "a.example": Domain("a.example", (HTTPS,), any_of=False),
            "c.example": Domain("c.example", (ALTERNATE,)),
        }

    def test_a_path_is_beside_the_file_that_names_it(self, main: Path) -> None:
        other = main.parent / "lowatch.d"
        other.mkdir()
        (other / "a.toml").write_text('[[domains_from]]\npath = "names.txt"')
        (other / "names.txt").write_text("b.example")
        put(main, "a.txt", "a.example")
        config = load(main)
        assert list(config.policy.domains) == ["a.example", "b.example"]
        assert [one.path for one in config.domains_from] == [
            f"{main.parent}/names.d/*",
            f"{other}/names.txt",
        ]

    def test_a_relative_name_of_the_toml_gives_absolute_paths(
        self, main: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put(main, "a.txt", "a.example")
        monkeypatch.chdir(main.parent)
        assert load(Path(main.name)) == load(main)

    def test_only_what_the_file_names_is_a_glob(self, tmp_path: Path) -> None:
        directory = tmp_path / "[ab]"
        directory.mkdir()
        (directory / "names.txt").write_text("a.example")
        for pattern in ("names.txt", "n*.txt"):
            (directory / "lowatch.toml").write_text(f'[[domains_from]]\npath = "{pattern}"')
            config = load(directory / "lowatch.toml")
            assert (list(config.policy.domains), config.problems) == (["a.example"], ())

    def test_a_file_that_two_lead_to_is_read_once(self, main: Path) -> None:
        put(main, "a.txt", "a.example\nb..example")
        with main.open("a") as file:
            file.write('[[domains_from]]\npath = "names.d/a.txt"')
        config = load(main)
        assert len(config.problems) == 1
        assert [(one.files, one.domains) for one in config.domains_from] == [(1, 1), (0, 0)]

    def test_those_of_the_command_line_replace_them(self, main: Path) -> None:
        put(main, "a.txt", "a.example\nb..example")
        config = with_targets(load(main), [DomainTarget("c.example")])
        known = replace(config, policy=replace(config.policy, left_out=False))
        assert known == with_targets(Config(), [DomainTarget("c.example")])
        assert config.policy.left_out
        assert not config.sources

    def test_they_are_read_again_without_the_toml(self, main: Path) -> None:
        main.write_text('domains = ["z.example"]\n' + main.read_text())
        put(main, "a.txt", "a.example\nb..example")
        before = load(main)
        main.write_text("hold = ")
        put(main, "a.txt", "a.example 443\nb.example")
        after = read_names(before)
        assert after.policy.domains == {
            "z.example": Domain("z.example"),
            "a.example": Domain("a.example", (HTTPS,), any_of=False),
            "b.example": Domain("b.example"),
        }
        assert after.problems == ()
        assert [one.domains for one in after.domains_from] == [2]
        assert after.policy.hold == before.policy.hold
        put(main, "a.txt", "a.example\nb..example")
        assert read_names(after) == before

    def test_yaml_is_paid_for_only_where_it_is_used(self, main: Path) -> None:
        code = (
            "import sys, pathlib; from lowatch.config.load import load;"
            " load(pathlib.Path(sys.argv[1])); print('yaml' in sys.modules)"
        )
        for name, used in (("a.txt", "False\n"), ("b.yml", "True\n")):
            put(main, name, "")
            done = subprocess.run(
                [sys.executable, "-c", code, main], capture_output=True, text=True, timeout=30, check=True
            )
            assert done.stdout == used

    def test_without_files_there_is_nothing_to_read(self) -> None:
        config = Config()
        assert read_names(config) is config


class TestWhatIsNoFileOfNames:
    """Each is told, nothing waits for it, and the others are read."""

    @pytest.fixture
    def odd(self, main: Path) -> Path:
        put(main, "a.txt", "a.example")
        put(main, "z.txt", "z.example")
        return main.parent / "names.d" / "odd.txt"

    def check(self, main: Path, odd: Path, *problems: str) -> None:
        config = load(main)
        assert list(config.policy.domains) == ["a.example", "z.example"]
        assert told(config) == [f"{odd}{problem}" for problem in problems]
        assert config.unread == (odd,)

    def test_a_directory(self, main: Path, odd: Path) -> None:
        odd.mkdir()
        self.check(main, odd, ": is a directory, not a regular file")

    def test_a_fifo(self, main: Path, odd: Path) -> None:
        os.mkfifo(odd)
        self.check(main, odd, ": is a FIFO, not a regular file")

    def test_a_socket(self, main: Path, odd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(odd.parent)
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(odd.name)
            self.check(main, odd, ": is a socket, not a regular file")

    def test_a_device_without_end(self, main: Path, odd: Path) -> None:
        odd.symlink_to("/dev/zero")
        self.check(main, odd, ": is a device, not a regular file")

    def test_a_symlink_that_leads_nowhere(self, main: Path, odd: Path) -> None:
        odd.symlink_to("nowhere")
        self.check(main, odd, ": no such file")

    def test_a_symlink_that_leads_to_itself(self, main: Path, odd: Path) -> None:
        odd.symlink_to(odd.name)
        self.check(main, odd, ": cannot be read: Too many levels of symbolic links")

    def test_one_that_is_too_large(self, main: Path, odd: Path) -> None:
        with odd.open("wb") as file:
            file.write(b"b.example\n")
            file.truncate(NAMES_FILE_BYTES.value + 1)
        self.check(main, odd, ": is larger than 64 MiB")

    @pytest.mark.parametrize("suffix", [".txt", ".json", ".yml"])
    def test_one_that_does_not_say_how_large_it_is(
        self, main: Path, odd: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As those of /proc do not."""
        monkeypatch.setattr(NAMES_FILE_BYTES, "value", 100)
        odd = odd.with_suffix(suffix)
        odd.symlink_to("/proc/self/status")
        assert os.stat(odd).st_size == 0  # noqa: PTH116  # what is read
        config = load(main)
        assert list(config.policy.domains) == ["a.example", "z.example"]
        assert told(config)[-1] == f"{odd}: is larger than 100 bytes"
        assert config.unread == (odd,)

    def test_one_that_became_a_fifo(self, main: Path, odd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Between the look at it and its opening, which no test can time."""
        odd.write_text("")
        regular = odd.stat()
        odd.unlink()
        os.mkfifo(odd)
        real = Path.stat
        monkeypatch.setattr(
            Path, "stat", lambda path, **given: regular if path == odd else real(path, **given)
        )
        self.check(main, odd, ": is a FIFO, not a regular file")

    def test_one_that_may_not_be_read(self, main: Path, odd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Root reads everything, so the refusal has to be made."""
        odd.write_text("b.example")
        real = os.open

        def refuse(path: Path, flags: int) -> int:
            if path == odd:
                raise PermissionError(13, "Permission denied")
            return real(path, flags)

        monkeypatch.setattr(os, "open", refuse)
        self.check(main, odd, ": cannot be read: Permission denied")

    @pytest.mark.parametrize(
        ("suffix", "content", "problem"),
        [
            (".txt", b"\x7fELF\0\0\xff\n", ":1: is not UTF-8 text (UTF-16 or binary, perhaps)"),
            (".json", b"\x7fELF\0", ":1: is not valid JSON: Expecting value"),
            (".json", b"[\n\xff]", ":2: is not UTF-8: byte 0xff (save it as UTF-8)"),
            (".json", b"[" * 100_000, ": is nested too deeply"),
            (".json", b"{}", ': must be a list of groups, each with "targets"'),
            (".yml", b"", ': must be a list of groups, each with "targets"'),
        ],
    )
    def test_other_content(self, main: Path, odd: Path, suffix: str, content: bytes, problem: str) -> None:
        odd = odd.with_suffix(suffix)
        odd.write_bytes(content)
        self.check(main, odd, problem)

    def test_yaml_in_another_encoding(self, main: Path, odd: Path) -> None:
        odd = odd.with_suffix(".yaml")
        odd.write_bytes(b"- targets: [caf\xe9.example]")
        config = load(main)
        [problem] = told(config)
        assert problem.startswith(f"{odd}: is not valid YAML: ")
        assert config.unread == (odd,)


class TestAHundredThousand:
    """Their cost, as far as it is the same on every machine. Times: make bench."""

    COUNT = 100_000

    @pytest.mark.parametrize("suffix", ["txt", "json"])
    def test_they_are_kept_and_read_in_little_memory(
        self, main: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        targets = [f"host{number}.service.example.com:443" for number in range(self.COUNT)]
        groups = ",\n".join(f'{{"targets": ["{target}"], "labels": {{"a": "b"}}}}' for target in targets)
        put(main, f"b.{suffix}", "[]")
        load(main)  # imports what it needs
        path = put(main, f"a.{suffix}", "\n".join(targets) if suffix == "txt" else f"[{groups}]")
        slow: list[str] = []
        real = names.normalise
        monkeypatch.setattr(names, "normalise", lambda text: slow.append(text) or real(text))
        put(main, f"b.{suffix}", "Last.example" if suffix == "txt" else '[{"targets": ["Last.example"]}]')
        tracemalloc.start()
        try:
            config = load(main)
            kept, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        domains = config.policy.domains
        assert len(domains) == self.COUNT + 1
        assert domains["host99999.service.example.com"].ports == (HTTPS,)
        assert slow == ["Last.example"], "every other name goes the short way"
        texts = sum(map(sys.getsizeof, domains))
        assert (kept - texts) / self.COUNT < 60
        whole = path.stat().st_size if suffix == "json" else 0
        assert peak - kept - whole < 8_000_000
