"""An audit is looked at if it saw something else, and now and then."""

from __future__ import annotations

from dataclasses import replace

from lowatch.app.port_evidence import PortEvidence
from lowatch.core.snapshot import RefusedPort
from tests.unit.core.worlds import VIP, ports, snapshot


def test_what_was_seen_before_is_looked_at_again_after_a_while() -> None:
    evidence, seen = PortEvidence(), snapshot()
    assert evidence.is_new(seen, 0.0)
    assert not evidence.is_new(replace(seen, at=seen.at + 1), 1.0)
    [port] = ports("80")
    assert evidence.is_new(replace(seen, refused=(RefusedPort(VIP, "lo", port, None),)), 2.0)
    assert evidence.is_new(seen, 3.0)
    assert not evidence.is_new(seen, 32.0)
    assert evidence.is_new(seen, 33.0)
