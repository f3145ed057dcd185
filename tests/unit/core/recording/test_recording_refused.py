"""Refused clients in a recording: on an unknown port too, and redacted."""

from __future__ import annotations

from dataclasses import replace

from lowatch.core.addresses import Port, parse_address
from lowatch.core.judgement import judge
from lowatch.core.known import Unknown
from lowatch.core.policy import VictimsPolicy
from lowatch.core.recording.parse import parse_recording
from lowatch.core.recording.redaction import redacted
from lowatch.core.snapshot import RefusedPort
from lowatch.report.recording import render_recording
from tests.unit.core.worlds import NGINX

from .samples import recording

VIP = parse_address("198.51.100.10")
REFUSED = (
    RefusedPort(VIP, "dummy0", Port(0, "tcp")),
    RefusedPort(VIP, "dummy0", Port(25, "tcp")),
    RefusedPort(VIP, "dummy0", Port(80, "tcp"), NGINX),
    RefusedPort(VIP, "dummy0", Port(81, "tcp"), Unknown("sock_diag", "no handler")),
)
BASE = recording()
RECORDED = replace(
    BASE,
    snapshot=replace(BASE.snapshot, refused=REFUSED),
    policy=replace(BASE.policy, victims=VictimsPolicy(at_least=5, within=60.0)),
)


def test_what_was_recorded_is_read() -> None:
    assert parse_recording(render_recording(RECORDED)) == RECORDED


def test_redacted_it_is_still_judged_the_same() -> None:
    hidden = redacted(RECORDED, b"a key")
    assert b"198.51.100.10" not in render_recording(hidden)
    assert b"dummy0" not in render_recording(hidden)
    plain, other = (judge(one.snapshot, one.policy) for one in (RECORDED, hidden))
    kinds = [[one.subject.kind for one in each.findings] for each in (plain, other)]
    assert kinds[0] == kinds[1]
    ports = [[one.port for one in each.snapshot.refused] for each in (RECORDED, hidden)]
    assert ports[0] == ports[1]
