"""The audit of the pages is the daemon's, with what is wrong with the configuration's files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lowatch.app.shown_audit import ShownAudit
from lowatch.config.load import load
from lowatch.core.snapshot import Problem
from tests.unit.app.config_users import in_force
from tests.unit.report.audit_worlds import HURT, bad_night, clear, one_orphan
from tests.unit.service.given_pages import GivenAudits, GivenVictims


def test_before_the_first_audit_there_is_nothing_to_show() -> None:
    shown = ShownAudit(GivenAudits(None, ready=False), in_force(load(None)))
    assert (shown.audit, shown.ready) == (None, False)


def test_it_is_the_same_object_until_there_is_another() -> None:
    daemon, config = GivenAudits(clear()), in_force(load(None))
    shown = ShownAudit(daemon, config)
    first = shown.audit
    assert first is shown.audit
    assert first is daemon.audit
    daemon.audit = bad_night()
    assert shown.audit is daemon.audit


def test_a_file_of_names_that_cannot_be_read_leaves_it_incomplete(tmp_path: Path) -> None:
    main = tmp_path / "lowatch.toml"
    main.write_text('[[domains_from]]\npath = "names.txt"\n')
    config = in_force(load(None))
    shown = ShownAudit(GivenAudits(replace(clear(), complete=True)), config)
    before = shown.audit
    assert before is not None
    assert before.complete
    config.replace(load(main))
    after = shown.audit
    assert after is not None
    assert not after.complete
    assert [one.source for one in after.problems] == ["config"]
    assert shown.audit is after


def test_local_clients_that_failed_are_shown_as_they_come() -> None:
    victims = GivenVictims()
    shown = ShownAudit(GivenAudits(one_orphan(), victims=victims), in_force(load(None)))
    audit = shown.audit
    assert audit is not None
    assert {one.hurt for one in audit.findings} == {None}
    victims.hurt, victims.changes = HURT, 1
    audit = shown.audit
    assert audit is not None
    assert {one.hurt for one in audit.findings} == {HURT}
    assert audit is shown.audit


class Reader:
    problem = ""


def test_lookups_that_are_missed_leave_it_incomplete() -> None:
    readers = [Reader(), Reader()]
    daemon = GivenAudits(replace(clear(), complete=True))
    shown = ShownAudit(daemon, in_force(load(None)), readers)
    assert shown.audit is daemon.audit
    readers[1].problem = "dnstap: no resolver is connected"
    after = shown.audit
    assert after is not None
    assert not after.complete
    assert after.problems[0] == Problem("lookups", "dnstap: no resolver is connected")
    assert shown.audit is after
    readers[1].problem = ""
    assert shown.audit is daemon.audit
