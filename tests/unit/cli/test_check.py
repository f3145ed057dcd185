from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lowatch.core.audit import Audit
from lowatch.core.findings import FindingKind
from lowatch.core.lifecycle import FindingState
from lowatch.core.policy import Domain
from lowatch.core.verification import Verification
from tests.unit.cli.conftest import CommandLine, FakeStartError
from tests.unit.report.audit_worlds import audit, bad_night, clear, incomplete, orphan, tracked

ORPHAN = orphan("www.example.com", "192.0.2.10", "80/tcp")
ACKNOWLEDGED = orphan("www.example.com", "192.0.2.10", "80/tcp", state=FindingState.ACKNOWLEDGED)
PENDING = orphan("www.example.com", "192.0.2.10", "80/tcp", state=FindingState.PENDING)
WIDE = tracked(FindingKind.WIDE_PREFIX, "wide", address="192.0.2.0", prefixlen=24)
IDLE = tracked(FindingKind.IDLE_VIP, "idle", address="192.0.2.11")


@pytest.mark.parametrize(
    ("result", "fail_on", "code"),
    [
        (audit(), "warning", 0),
        (audit([ORPHAN]), "warning", 1),
        (audit([ORPHAN]), "critical", 1),
        (audit([PENDING]), "critical", 1),
        (audit([ACKNOWLEDGED]), "info", 0),
        (audit([WIDE]), "warning", 1),
        (audit([WIDE]), "critical", 0),
        (audit([IDLE]), "info", 1),
        (audit([IDLE]), "warning", 0),
        (audit([IDLE, ACKNOWLEDGED, WIDE]), "warning", 1),
        (audit(complete=False), "warning", 3),
        (audit([ORPHAN], complete=False), "warning", 1),
        (audit([IDLE], complete=False), "warning", 3),
        (audit([ACKNOWLEDGED], complete=False), "info", 3),
    ],
)
def test_exit_code(lowatch: CommandLine, result: Audit, fail_on: str, code: int) -> None:
    lowatch.wiring.audit = result
    assert lowatch("check", "--fail-on", fail_on).code == code


def test_warning_is_the_default_of_fail_on(lowatch: CommandLine) -> None:
    lowatch.wiring.audit = audit([IDLE])
    assert lowatch("check").code == 0
    lowatch.wiring.audit = audit([WIDE])
    assert lowatch("check").code == 1


NO_NETNS = "is not the name of a network namespace, nor its path"


def test_another_network_namespace(lowatch: CommandLine) -> None:
    assert lowatch("check", "--netns", "/run/netns/blue", "a.example").code == 0
    assert lowatch.wiring.config is not None
    assert (lowatch.wiring.config.netns, *lowatch.wiring.config.policy.domains) == ("blue", "a.example")
    lowatch("check")
    assert lowatch.wiring.config.netns == ""
    assert lowatch("check", "--netns", "") == (
        2,
        "",
        f"lowatch: argument --netns: '' {NO_NETNS} (see lowatch check --help)\n",
    )


def test_text(lowatch: CommandLine) -> None:
    lowatch.wiring.audit = bad_night()
    code, stdout, stderr = lowatch("check")
    assert (code, stderr) == (1, "")
    assert "orphan-vip" in stdout
    assert "\x1b" not in stdout


def test_json(lowatch: CommandLine) -> None:
    lowatch.wiring.audit = incomplete()
    code, stdout, stderr = lowatch("check", "--format", "json")
    assert (code, stderr) == (3, "")
    report = json.loads(stdout)
    assert (report["schema"], report["complete"]) == (1, False)


def test_prometheus(lowatch: CommandLine) -> None:
    lowatch.wiring.audit = clear()
    code, stdout, stderr = lowatch("check", "--format=prometheus")
    assert (code, stderr) == (0, "")
    assert "lo_orphan_vip{" in stdout


class TestColour:
    @pytest.fixture(autouse=True)
    def terminal(self, lowatch: CommandLine) -> None:
        lowatch.wiring.audit = audit([ORPHAN])
        lowatch.settings = {"stdout_is_terminal": True}

    def test_on_a_terminal(self, lowatch: CommandLine) -> None:
        assert "\x1b[" in lowatch("check").stdout

    @pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
    def test_where_nobody_minds(self, lowatch: CommandLine, variables: dict[str, str]) -> None:
        lowatch.variables = variables
        assert "\x1b" not in lowatch("check").stdout

    def test_an_empty_no_color_says_nothing(self, lowatch: CommandLine) -> None:
        lowatch.variables = {"NO_COLOR": ""}
        assert "\x1b[" in lowatch("check").stdout

    def test_not_in_json(self, lowatch: CommandLine) -> None:
        assert "\x1b" not in lowatch("check", "--format", "json").stdout

    def test_the_width_is_the_terminals(self, lowatch: CommandLine) -> None:
        wide = lowatch("check", columns=200).stdout.splitlines()
        narrow = lowatch("check", columns=60).stdout.splitlines()
        assert len(narrow) > len(wide)


class TestNames:
    def test_they_replace_the_configured_ones(
        self, lowatch: CommandLine, config_file: Callable[[str], Path]
    ) -> None:
        path = config_file('domains = ["old.example"]\nports = ["8443/tcp"]\nhold = "7s"')
        assert lowatch("check", "-c", path, "WWW.example.com", "dns.example.com:53/udp").code == 0
        config = lowatch.wiring.config
        assert config is not None
        www, dns = config.policy.domains.values()
        assert (www.name, [*map(str, www.ports)], www.any_of) == ("www.example.com", ["8443/tcp"], True)
        assert (dns.name, [*map(str, dns.ports)], dns.any_of) == ("dns.example.com", ["53/udp"], False)
        assert config.policy.hold == 7.0

    def test_several_mentions_of_one_name_add_up(self, lowatch: CommandLine) -> None:
        lowatch("check", "a.example:80", "a.example", "A.example.:443")
        assert lowatch.wiring.config is not None
        [domain] = lowatch.wiring.config.policy.domains.values()
        assert ([*map(str, domain.ports)], domain.any_of) == (["80/tcp", "443/tcp"], False)

    def test_they_may_stand_on_both_sides_of_an_option(self, lowatch: CommandLine) -> None:
        lowatch("check", "a.example", "--format", "json", "b.example")
        assert lowatch.wiring.config is not None
        assert list(lowatch.wiring.config.policy.domains) == ["a.example", "b.example"]

    def test_without_any_the_configured_ones(
        self, lowatch: CommandLine, config_file: Callable[[str], Path]
    ) -> None:
        lowatch("check", "--config", config_file('domains = ["www.example.com"]'))
        assert lowatch.wiring.config is not None
        assert lowatch.wiring.config.policy.domains == {"www.example.com": Domain("www.example.com")}

    def test_without_any_at_all_the_host_is_audited_still(self, lowatch: CommandLine) -> None:
        assert lowatch("check").code == 0
        assert lowatch.wiring.config is not None
        assert lowatch.wiring.config.policy.domains == {}

    def test_each_bad_one_is_reported(self, lowatch: CommandLine) -> None:
        code, stdout, stderr = lowatch(
            "check", "https://a.example", "fine.example", "192.0.2.10", "a:70000"
        )
        assert (code, stdout) == (2, "")
        first, second, third = stderr.splitlines()
        assert first == "lowatch: 'https://a.example' is a URL, not a domain (write only 'a.example')"
        assert (
            second
            == "lowatch: '192.0.2.10' is an address, not a domain (give the domain that resolves to it)"
        )
        assert third.startswith("lowatch: 'a:70000' has a bad port")
        assert lowatch.wiring.config is None

    def test_what_a_terminal_would_obey_is_escaped(self, lowatch: CommandLine) -> None:
        _, _, stderr = lowatch("check", "a\x1b[2J\nb", "\udcff.example")
        assert all(line.isprintable() for line in stderr.splitlines())
        assert len(stderr.splitlines()) == 2


class TestFailures:
    def test_bad_configuration(self, lowatch: CommandLine, config_file: Callable[[str], Path]) -> None:
        path = config_file('hold = 30\nprobe = "on"')
        code, stdout, stderr = lowatch("check", "-c", path)
        assert (code, stdout) == (2, "")
        assert stderr.splitlines() == [
            f'{path}:1: hold: 30 is a number without a unit (write "30s")',
            f'{path}:2: probe: must be "off" or "confirm", not \'on\'',
        ]

    def test_nothing_to_observe_is_incomplete(self, lowatch: CommandLine) -> None:
        lowatch.wiring.raises = FakeStartError("netlink: Operation not permitted")
        assert lowatch("check") == (3, "", "lowatch: netlink: Operation not permitted\n")


class TestProgress:
    def test_it_is_drawn_on_a_terminal_and_wiped(self, lowatch: CommandLine) -> None:
        lowatch.wiring.steps = ((0, 4), (1, 4), (4, 4))
        _, stdout, stderr = lowatch("check", stderr_is_terminal=True)
        assert stderr.count("\r") == 4
        assert stderr.endswith("\r\x1b[K")
        assert "of 4 domains" in stderr
        assert "\r" not in stdout

    def test_it_is_wiped_before_an_error_is_reported(self, lowatch: CommandLine) -> None:
        lowatch.wiring.steps = ((0, 4),)
        lowatch.wiring.raises = FakeStartError("no")
        assert lowatch("check", stderr_is_terminal=True).stderr.endswith("\r\x1b[Klowatch: no\n")

    def test_it_is_drawn_a_hundred_times_at_most(self, lowatch: CommandLine) -> None:
        lowatch.wiring.steps = tuple((done, 10_000) for done in range(10_001))
        assert lowatch("check", stderr_is_terminal=True).stderr.count("domains") == 101

    def test_no_names_are_all_done(self, lowatch: CommandLine) -> None:
        lowatch.wiring.steps = ((0, 0),)
        assert lowatch("check", stderr_is_terminal=True).code == 0

    def test_it_is_not_drawn_elsewhere(self, lowatch: CommandLine) -> None:
        lowatch.wiring.steps = ((0, 4), (4, 4))
        assert lowatch("check").stderr == ""


def test_warnings_are_logged_and_no_more(lowatch: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    def check(*_: object) -> Audit:
        logging.getLogger("lowatch.test").info("hidden")
        logging.getLogger("lowatch.test").warning("shown")
        return audit()

    monkeypatch.setattr(lowatch.wiring, "check", check)
    assert lowatch("check").stderr.endswith(" WARNING lowatch.test: shown\n")
    assert "hidden" in lowatch("check", "--log.level", "info").stderr
    assert "shown" in lowatch("check", "--log.level", "warn").stderr
    assert "shown" in lowatch("check", "--log.level", "warning").stderr
    assert "hidden" in lowatch("--log-level", "debug", "check").stderr
    assert lowatch("--log-level", "debug", "check", "--log-level", "error").stderr == ""


class TestVerify:
    FOUND = Verification(disagreements=("www.example.com at 192.0.2.10: wrong",))

    @pytest.fixture(autouse=True)
    def reports(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def test_agreement_changes_no_exit_code(self, lowatch: CommandLine, tmp_path: Path) -> None:
        for result, code in ((audit(), 0), (audit([ORPHAN]), 1), (audit(complete=False), 3)):
            lowatch.wiring.audit = replace(result, verification=Verification())
            assert lowatch("check", "--verify").code == code
        assert list(tmp_path.glob("*.json")) == []

    def test_a_disagreement_is_3_whatever_else_was_found(self, lowatch: CommandLine) -> None:
        for result in (audit(), audit([ORPHAN])):
            lowatch.wiring.audit = replace(result, verification=self.FOUND)
            code, stdout, stderr = lowatch("check", "--verify", columns=200)
            assert (code, stderr) == (3, "")
            assert "Verification failed" in stdout

    def test_what_a_client_meets_otherwise_is_not_clean(self, lowatch: CommandLine) -> None:
        for result, code in ((audit(), 3), (audit([ORPHAN]), 1)):
            lowatch.wiring.audit = replace(result, verification=Verification(unseen=("x",)))
            assert lowatch("check", "--verify").code == code

    def test_the_report_is_where_it_is_said_to_be(self, lowatch: CommandLine) -> None:
        lowatch.wiring.audit = replace(audit(), verification=self.FOUND)
        path = json.loads(lowatch("check", "--verify", "--format", "json").stdout)["verification"]["report"]
        assert json.loads(Path(path).read_text())["schema"] == 1
        stderr = lowatch("check", "--verify", "--format", "prometheus").stderr
        assert stderr.startswith("lowatch: verification failed; bug report: ")
        assert Path(stderr.split()[-1]).exists()

    def test_a_report_that_cannot_be_written(
        self, lowatch: CommandLine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tempfile, "tempdir", "/nonexistent")
        lowatch.wiring.audit = replace(audit(), verification=self.FOUND)
        code, stdout, stderr = lowatch("check", "--verify")
        assert (code, stderr) == (3, "lowatch: cannot write a bug report: No such file or directory\n")
        assert "No bug report could be written." in stdout

    def test_a_recording_cannot_be_verified(self, lowatch: CommandLine) -> None:
        code, _, stderr = lowatch("check", "--snapshot", "x.json", "--verify")
        assert (code, stderr) == (
            2,
            "lowatch: --verify connects on this host (give no --snapshot)\n",
        )
