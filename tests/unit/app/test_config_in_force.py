"""Another configuration is put into force by everybody whom it concerns; some keys take a restart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lowatch.app.config_in_force import ConfigInForce, PendingRestart, pending_restart
from lowatch.config.load import load
from lowatch.config.settings import Config, Listen, NamesSettings, ZoneFile
from lowatch.config.zones.read import ReadZone
from lowatch.core.addresses import Port
from lowatch.core.candidate_names import CandidateNames
from lowatch.core.learned_names import LearnedNames
from lowatch.core.name_sources import NameSource
from lowatch.core.policy import DEFAULT_PORTS, Domain
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


def test_learned_names_stay_whatever_is_configured() -> None:
    user, learned = ConfigUser(), LearnedNames(60.0)
    config = ConfigInForce(START, user, user, user, user, [SYSTEM_FILE], learned=[learned])
    learned.looked_up("shop.example", NameSource.DNSTAP, 0.0)
    config.learned_changed()
    assert user.replaced == ["policy"], "and nothing else"
    after = replace(START, ports=(Port(8080, "tcp"),))
    config.replace(after)
    assert [list(one.domains.values()) for one in user.policies] == [
        [Domain("shop.example", ports, guessed=True)] for ports in (DEFAULT_PORTS, after.ports)
    ]
    assert config.current is after, "without them"


class TestZones:
    ZONE = ReadZone(Path("/corp.zone"), names=("a.example",))
    CONFIG = replace(START, zones=(ZoneFile(Path("/corp.zone")),))

    def test_their_names_are_put_into_force_and_the_files_watched(self) -> None:
        user = ConfigUser()
        config = in_force(self.CONFIG, user)
        config.replace_zones((self.ZONE,))
        assert user.replaced == ["watches", "policy", "paths"]
        assert list(user.policies[0].domains) == ["a.example"]
        assert user.paths == [[SYSTEM_FILE, Path("/corp.zone")]]
        assert config.loaded is self.CONFIG
        assert config.zones == (self.ZONE,)

    def test_another_configuration_keeps_those_of_its_zones(self) -> None:
        config = in_force(self.CONFIG)
        config.replace_zones((self.ZONE,))
        config.replace(replace(self.CONFIG))
        assert list(config.current.policy.domains) == ["a.example"]
        config.replace(START)
        assert config.current is START
        assert config.zones == ()


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

    def test_what_names_are_learned_from(self) -> None:
        names = NamesSettings((NameSource.RESOLVED, NameSource.DNSTAP), 60.0)
        after = replace(self.START, names=names)
        assert list(map(str, pending_restart(self.START, after, activated=True))) == [
            "names.learn needs a restart: running with nothing, configured resolved, dnstap",
            "names.forget_after needs a restart: running with 1d, configured 1m",
        ]

    def test_lookups_concern_no_daemon_for_another_namespace(self) -> None:
        blue = replace(self.START, netns="blue")
        after = replace(blue, names=NamesSettings((NameSource.RESOLVED, NameSource.DNSTAP)))
        assert pending_restart(blue, after, activated=True) == ()
        after = replace(blue, names=NamesSettings((NameSource.DNSTAP, NameSource.PTR)))
        [one] = pending_restart(blue, after, activated=True)
        assert one == PendingRestart("names.learn", "nothing", "ptr")

    def test_the_journal(self) -> None:
        [one] = pending_restart(self.START, replace(self.START, journal_enabled=False), activated=True)
        assert str(one) == "journal.enabled needs a restart: running with true, configured false"


def test_what_takes_a_restart_is_pending_until_it_is_as_it_was() -> None:
    config = in_force(START)
    config.replace(replace(START, journal_enabled=False))
    assert [one.key for one in config.pending_restart()] == ["journal.enabled"]
    config.replace(replace(START))
    assert config.pending_restart() == ()


def test_of_several_sources_of_a_name_the_first_counts() -> None:
    user, learned, candidates = ConfigUser(), LearnedNames(60.0), CandidateNames()
    config = ConfigInForce(START, user, user, user, user, [SYSTEM_FILE], learned=[candidates, learned])
    learned.looked_up("shop.example", NameSource.DNSTAP, 0.0)
    learned.looked_up("other.example", NameSource.DNSTAP, 0.0)
    candidates.replace({NameSource.HOSTS: ["shop.example"]}, 0.0, asked=[NameSource.HOSTS])
    config.learned_changed()
    policy = user.policies[-1]
    assert policy.learned == {"shop.example": NameSource.HOSTS, "other.example": NameSource.DNSTAP}
    assert policy.domains["shop.example"].from_hosts
