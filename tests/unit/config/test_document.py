"""A configuration file as it stands on disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lowatch.config import load as load_module
from lowatch.config.load import load
from lowatch.config.settings import Config
from lowatch.core.limits.config import CONFIG_FILE_BYTES
from tests.unit.config.config_files import drop_in, told


class TestFiles:
    def test_an_empty_file_is_the_defaults(self, main: Path) -> None:
        main.write_text("")
        assert load(main) == Config()

    def test_a_named_file_must_exist(self, main: Path) -> None:
        assert told(main) == [f"{main}: no such file"]

    def test_the_default_file_need_not(self, main: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(load_module, "DEFAULT_PATH", main)
        assert load() == Config()
        assert load().files == ()
        addition = drop_in(main, "a.toml", 'hold = "1m"')
        assert load().policy.hold == 60.0
        assert load().files == (addition,)
        main.write_text('hold = "2m"\nprobe = "off"')
        assert load().policy.hold == 60.0
        assert load().policy.probe is False
        assert load().files == (main, addition)

    def test_the_default_directory_need_not(self, main: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(load_module, "DEFAULT_PATH", main / "nowhere" / "lowatch.toml")
        assert load() == Config()

    def test_a_default_file_that_leads_nowhere_is_reported(
        self, main: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(load_module, "DEFAULT_PATH", main)
        main.symlink_to("nowhere")
        assert told(None) == [f"{main}: no such file"]

    def test_a_directory(self, tmp_path: Path) -> None:
        assert told(tmp_path) == [f"{tmp_path}: is a directory, not a regular file"]

    def test_a_file_below_a_file(self, main: Path) -> None:
        main.write_text("")
        below = main / "lowatch.toml"
        assert f"{below}: cannot be read: Not a directory" in told(below)

    def test_a_path_that_cannot_be(self) -> None:
        assert told(Path("a\0b")) == [r"a\x00b: cannot be read: embedded null byte"]

    def test_an_unreadable_file(self, main: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Root reads everything, so the refusal has to be made."""
        main.write_text("")

        def refuse(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("lowatch.files.regular_file.os.open", refuse)
        assert told(main) == [f"{main}: cannot be read: Permission denied"]

    def test_not_utf_8(self, main: Path) -> None:
        main.write_bytes(b'hold = "30s"\n# caf\xe9\n')
        assert told(main) == [f"{main}:2: is not UTF-8: byte 0xe9 (save it as UTF-8)"]

    def test_utf_16(self, main: Path) -> None:
        main.write_bytes('hold = "30s"'.encode("utf-16"))
        assert told(main) == [f"{main}:1: is not UTF-8: byte 0xff (save it as UTF-8)"]

    def test_a_byte_order_mark(self, main: Path) -> None:
        main.write_text('hold = "30s"', encoding="utf-8-sig")
        [line] = told(main)
        assert line.startswith(f"{main}:1: starts with a byte order mark")

    def test_crlf_counts_as_one_line_end(self, main: Path) -> None:
        main.write_bytes(b'# windows\r\nhold = "30s"\r\ndomains = ["""\\\r\n  a b"""]\r\nprobe = 1\r\n')
        assert [line.split(":")[1] for line in told(main)] == ["3", "5"]

    def test_too_large(self, main: Path) -> None:
        with main.open("wb") as file:
            file.truncate(CONFIG_FILE_BYTES.value + 1)
        assert told(main) == [f"{main}: is larger than 16 MiB"]

    def test_nested_too_deeply(self, main: Path) -> None:
        main.write_text("a = " + "[" * 100_000)
        assert told(main) == [f"{main}: is nested too deeply"]

    def test_an_integer_of_too_many_digits(self, main: Path) -> None:
        main.write_text("[dns]\nmax_qps = " + "9" * 5000)
        [line] = told(main)
        assert line.startswith(f"{main}: is not valid TOML: ")

    def test_a_pipe_may_be_named(self, tmp_path: Path) -> None:
        """As in `lowatch check -c <(...)`."""
        reader, writer = os.pipe()
        os.write(writer, b'hold = "1m"')
        os.close(writer)
        try:
            assert load(Path(f"/dev/fd/{reader}")).policy.hold == 60.0
        finally:
            os.close(reader)
