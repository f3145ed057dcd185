"""Comparing what is rendered with a file that a person has read and found good."""

from __future__ import annotations

import os

from tests.support.repository import ROOT

GOLDEN = ROOT / "tests" / "golden"


def assert_golden(name: str, actual: str) -> None:
    """Fails where they differ. LOWATCH_GOLDEN=write takes the new text over: read the diff then."""
    path = GOLDEN / name
    if os.environ.get("LOWATCH_GOLDEN") == "write":
        path.write_text(actual)
    assert actual == path.read_text(), f"{path}: differs from what is rendered"
