"""The table of the rules."""

from __future__ import annotations

from lowatch.core.findings import FindingKind
from lowatch.core.rules import DOMAIN_RULES, HOST_RULES


def test_every_kind_has_one_rule() -> None:
    assert set(DOMAIN_RULES) | set(HOST_RULES) == set(FindingKind)
    assert not set(DOMAIN_RULES) & set(HOST_RULES)


def test_a_rule_is_a_file_of_its_kinds_name() -> None:
    for kind, rule in {**DOMAIN_RULES, **HOST_RULES}.items():
        assert rule.__module__ == f"lowatch.core.rules.{kind.replace('-', '_')}"
