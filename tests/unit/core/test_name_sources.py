"""The words for where a name comes from, which reports show."""

from __future__ import annotations

from lowatch.core.name_outcomes import FollowedNames
from lowatch.core.name_sources import NameSource


def test_a_name_that_nobody_configured_was_learned() -> None:
    followed = FollowedNames({}, (), {"www.example"}, {"shop.example": NameSource.RESOLVED})
    named = [followed.source(name) for name in ("www.example", "file.example", "shop.example")]
    assert named == ["configured", "file", "resolved"]
