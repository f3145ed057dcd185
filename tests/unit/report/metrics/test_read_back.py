"""The metrics as prometheus_client reads them, compared with the audit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from lowatch.core.audit import Audit
from lowatch.report.metrics import audit as metrics
from lowatch.report.metrics import exposition
from lowatch.report.metrics.read_back import read_back
from tests.unit.report.audit_worlds import bad_night, clear, one_orphan

WORLDS = [clear, one_orphan, bad_night]


@pytest.mark.parametrize("world", WORLDS)
def test_what_is_read_is_what_was_audited(world: Callable[[], Audit]) -> None:
    read = read_back(world())
    assert read.differences == ()
    lines = metrics.render_audit(world()).body.decode().splitlines()
    assert read.series == sum(not line.startswith("#") for line in lines)


def test_an_interface_with_any_name() -> None:
    audit = bad_night()
    names = ['a"b', "a\\n", "\u00e9", "\x1b[1m", "\udcff"]
    endpoints = tuple(
        one._replace(interface=names[number % len(names)]) for number, one in enumerate(audit.endpoints)
    )
    held = tuple(
        one._replace(interface=names[number % len(names)]) for number, one in enumerate(audit.held)
    )
    assert read_back(replace(audit, endpoints=endpoints, held=held)).differences == ()


def test_a_value_that_is_wrong_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exposition, "format_number", lambda value: "7")
    assert [line.split(":")[0] for line in read_back(bad_night()).differences] == [
        "lowatch_findings",
        "lowatch_held_addresses",
        "lowatch_audit_complete",
    ]


def test_a_label_that_is_not_escaped_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    audit = one_orphan()
    endpoints = tuple(one._replace(interface='l"o') for one in audit.endpoints)
    monkeypatch.setattr(metrics, "escape", str)
    assert read_back(replace(audit, endpoints=endpoints)).differences
