from __future__ import annotations

import json
import logging
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from lowatch.config.errors import ConfigErrors
from lowatch.config.settings import Config, Listen
from tests.unit.cli.conftest import CommandLine, FakeStartError

WriteConfig = Callable[[str], Path]


def test_its_exit_code_is_the_daemons(lowatch: CommandLine) -> None:
    lowatch.wiring.code = 0
    assert lowatch("run") == (0, "", "")
    lowatch.wiring.code = 7
    assert lowatch("run").code == 7


def test_it_can_read_the_configuration_anew(lowatch: CommandLine, config_file: WriteConfig) -> None:
    path = config_file('hold = "1m"')
    lowatch("run", "-c", path)
    assert lowatch.wiring.config is not None
    assert lowatch.wiring.config.policy.hold == 60.0
    assert lowatch.wiring.loader is not None
    path.write_text('hold = "2m"')
    assert lowatch.wiring.loader.load().policy.hold == 120.0
    path.write_text("hold = 2")
    with pytest.raises(ConfigErrors):
        lowatch.wiring.loader.load()


def test_another_network_namespace(lowatch: CommandLine, config_file: WriteConfig) -> None:
    """It lasts through a reload. Where the first daemon listens, this one does not."""
    path = config_file('[web]\nlisten = ["192.0.2.1:10048"]')
    lowatch("run", "-c", path, "--netns", "/run/netns/blue")
    assert lowatch.wiring.config is not None
    assert (lowatch.wiring.config.netns, lowatch.wiring.config.web.listen) == ("blue", ())
    assert lowatch.wiring.loader is not None
    assert lowatch.wiring.loader.load() == lowatch.wiring.config
    lowatch("run", "-c", path, "--netns", "blue", "--web.listen-address", "127.0.0.1:10049")
    assert lowatch.wiring.config.web.listen == (Listen("127.0.0.1", 10049),)


def test_bad_configuration(lowatch: CommandLine, config_file: WriteConfig) -> None:
    path = config_file("hold = 30")
    code, stdout, stderr = lowatch("run", "-c", path)
    assert (code, stdout, lowatch.wiring.config) == (2, "", None)
    assert stderr.startswith(f"{path}:1: hold: ")


def test_it_cannot_start(lowatch: CommandLine) -> None:
    lowatch.wiring.raises = FakeStartError("127.0.0.1:10048: Address already in use")
    assert lowatch("run") == (1, "", "lowatch: 127.0.0.1:10048: Address already in use\n")


@pytest.mark.parametrize("option", ["-c", "--config", "--config.file"])
def test_the_configuration_has_three_names(
    lowatch: CommandLine, config_file: WriteConfig, option: str
) -> None:
    assert lowatch("run", option, config_file('hold = "1m"')).code == 0
    assert lowatch.wiring.config is not None
    assert lowatch.wiring.config.policy.hold == 60.0


class TestOverrides:
    def test_they_outlast_a_reload(self, lowatch: CommandLine, config_file: WriteConfig) -> None:
        path = config_file('[web]\nlisten = [":1"]\ntelemetry_path = "/m"\nenable_reload = true')
        lowatch(
            "run",
            "-c",
            path,
            "--web.listen-address=:10048",
            "--web.listen-address",
            "[::1]:10049",
            "--web.telemetry-path=/lowatch",
        )
        assert lowatch.wiring.loader is not None
        for config in (lowatch.wiring.config, lowatch.wiring.loader.load()):
            assert config is not None
            assert config.web.listen == (Listen("", 10048), Listen("::1", 10049))
            assert config.web.telemetry_path == "/lowatch"
            assert config.web.enable_reload is True

    def test_none_changes_nothing(self, lowatch: CommandLine) -> None:
        lowatch("run")
        assert lowatch.wiring.config == Config()

    def test_tls_and_passwords_are_not_supported_yet(
        self, lowatch: CommandLine, config_file: WriteConfig
    ) -> None:
        path = config_file('[web]\nconfig_file = "web.yml"')
        code, stdout, stderr = lowatch("run", "-c", path)
        assert (code, stdout, lowatch.wiring.config) == (2, "", None)
        assert stderr == f"{path}:2: web.config_file: TLS and passwords are not supported yet; remove it\n"
        code, stdout, stderr = lowatch("run", "--web.config.file=web.yml")
        assert (code, stdout, lowatch.wiring.config) == (2, "", None)
        assert stderr == "lowatch: --web.config.file: TLS and passwords are not supported yet; remove it\n"

    @pytest.mark.parametrize(
        ("option", "said"),
        [
            ("--web.listen-address=10048", "'10048' has no port (perhaps ':10048')"),
            ("--web.telemetry-path=metrics", "'metrics' is not a valid path (write it like /metrics)"),
        ],
    )
    def test_a_bad_one(self, lowatch: CommandLine, option: str, said: str) -> None:
        name = option.partition("=")[0]
        assert lowatch("run", option) == (2, "", f"lowatch: {name}: {said}\n")


class TestConfigCheck:
    def test_valid(self, lowatch: CommandLine, config_file: WriteConfig) -> None:
        path = config_file('hold = "1m"')
        assert lowatch("run", "--config.check", "--config.file", path) == (0, f"{path}: valid\n", "")
        assert lowatch.wiring.config is None

    def test_invalid(self, lowatch: CommandLine, config_file: WriteConfig) -> None:
        assert lowatch("run", "--config.check", "--config.file", config_file("hold = 1")).code == 2


class TestLogs:
    @pytest.fixture(autouse=True)
    def chatty(self, lowatch: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
        def run(*_: object) -> int:
            log = logging.getLogger("lowatch.test")
            log.debug("debug")
            log.info("info")
            log.warning("two\nlines")
            log.error("error")
            log.critical("critical")
            return 0

        monkeypatch.setattr(lowatch.wiring, "run", run)

    def test_info_is_the_default(self, lowatch: CommandLine) -> None:
        stderr = lowatch("run").stderr
        assert " INFO lowatch.test: info\n" in stderr
        assert "debug" not in stderr

    @pytest.mark.parametrize("option", ["--log.level", "--log-level"])
    def test_the_level_has_two_names(self, lowatch: CommandLine, option: str) -> None:
        assert "debug" in lowatch("run", option, "debug").stderr
        assert "two" not in lowatch("run", f"{option}=error").stderr

    def test_the_journal_is_given_priorities(self, lowatch: CommandLine) -> None:
        ours, journal = socket.socketpair()
        with ours, journal, ours.makefile("w") as stderr:
            lowatch("run", "--log-level", "debug", under_systemd=True, stderr=stderr)
            assert journal.recv(4096) == b"<7>debug\n<6>info\n<4>two\\x0alines\n<3>error\n<2>critical\n"

    def test_the_format_is_chosen(self, lowatch: CommandLine) -> None:
        first, *_ = lowatch("run", "--log.format", "json").stderr.splitlines()
        assert json.loads(first)["msg"] == "info"
        first, *_ = lowatch("--log.format=logfmt", "run").stderr.splitlines()
        assert first.endswith("level=info logger=lowatch.test msg=info")

    def test_a_line_break_forges_no_line(self, lowatch: CommandLine) -> None:
        assert r" WARNING lowatch.test: two\x0alines" in lowatch("run").stderr

    def test_nothing_is_left_behind(self, lowatch: CommandLine) -> None:
        root = logging.getLogger()
        before = (root.level, list(root.handlers))
        lowatch("run", "--log-level", "debug")
        assert (root.level, list(root.handlers)) == before
