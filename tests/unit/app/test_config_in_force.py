"""Another configuration is put into force by everybody whom it concerns; some keys take a restart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lowatch.app.config_in_force import PendingRestart, pending_restart
from lowatch.config.load import load
from lowatch.config.settings import Config, Listen
from tests.unit.app.config_users import SYSTEM_FILE, ConfigUser, in_force

START = load(None)


def test_all_who_go_by_it_are_given_another() -> None:
    user = ConfigUser()
    config = in_force(START, user)
    assert config.current is config.at_start is START
    after = replace(START, policy=replace(START.policy, hold=1.0))
    config.replace(after)
    assert config.current is after
    assert config.at_start is START
    assert user.replaced == ["watches", "policy", "paths"]
    assert user.policies == [after.policy]
    assert user.paths == [[SYSTEM_FILE]]


def test_the_nameservers_are_asked_again_only_where_dns_is_configured_otherwise() -> None:
    user = ConfigUser()
    config = in_force(START, user)
    after = replace(START, dns=replace(START.dns, timeout=1.0))
    config.replace(after)
    assert user.settings == [after.dns]
    config.replace(replace(after))
    assert user.settings == [after.dns]


def test_the_files_of_names_are_watched(tmp_path: Path) -> None:
    (tmp_path / "names.d").mkdir()
    (tmp_path / "names.d" / "a.txt").write_text("a.example\n")
    main = tmp_path / "lowatch.toml"
    main.write_text('[[domains_from]]\npath = "names.d/*.txt"\n')
    user = ConfigUser()
    in_force(START, user).replace(load(main))
    [paths] = user.paths
    assert paths[0] == SYSTEM_FILE
    assert {tmp_path / "names.d" / "a.txt", tmp_path / "names.d"} <= set(paths)


class TestPending:
    START = load(None)

    def changed(self, **web: object) -> Config:
        return replace(self.START, web=replace(self.START.web, **web))  # type: ignore[arg-type]

    def test_nothing_as_long_as_nothing_has_changed(self) -> None:
        assert pending_restart(self.START, replace(self.START), activated=False) == ()

    def test_what_takes_no_restart(self) -> None:
        after = self.changed(telemetry_path="/other", enable_reload=True)
        assert pending_restart(self.START, after, activated=False) == ()

    def test_where_the_pages_are(self) -> None:
        after = self.changed(listen=(Listen("::1", 1), Listen("", 2)))
        [one] = pending_restart(self.START, after, activated=False)
        assert one == PendingRestart("web.listen", "127.0.0.1:10048", "[::1]:1, :2")
        assert (
            str(one) == "web.listen needs a restart: running with 127.0.0.1:10048, configured [::1]:1, :2"
        )
        assert pending_restart(after, self.changed(listen=()), activated=False)[0].configured == "nowhere"

    def test_sockets_of_systemd_take_the_place_of_web_listen_after_a_restart_as_well(self) -> None:
        assert pending_restart(self.START, self.changed(listen=()), activated=True) == ()

    def test_the_journal(self) -> None:
        [one] = pending_restart(self.START, replace(self.START, journal_enabled=False), activated=True)
        assert str(one) == "journal.enabled needs a restart: running with true, configured false"


def test_what_takes_a_restart_is_pending_until_it_is_as_it_was() -> None:
    config = in_force(START)
    config.replace(replace(START, journal_enabled=False))
    assert [one.key for one in config.pending_restart()] == ["journal.enabled"]
    config.replace(replace(START))
    assert config.pending_restart() == ()
