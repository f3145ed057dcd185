"""The metric families are the contract's."""

from __future__ import annotations

from lowatch.report.metrics.audit import AuditEncoder, orphan_values
from lowatch.report.metrics.instruments import Build, Instruments
from tests.unit.report.audit_worlds import bad_night
from tests.unit.report.metrics.scraped import USAGE
from tests.unit.report.metrics.test_audit import EVERY_FAMILY, samples


def test_every_family_of_the_contract_is_there_once() -> None:
    world = bad_night()
    rendered = AuditEncoder().render(world, orphan_values(world.endpoints))
    body = rendered.body + Instruments(Build("1")).scrape(USAGE)
    samples(body)  # and no series twice
    types = [line.split()[2] for line in body.decode().splitlines() if line.startswith("# TYPE")]
    assert sorted(types) == sorted(family.name for family in EVERY_FAMILY)
