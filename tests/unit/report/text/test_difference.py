from __future__ import annotations

from dataclasses import replace

from lowatch.core.recording.difference import Difference, Section
from lowatch.report.text.difference import render
from tests.unit.report.audit_worlds import audit

FOUND = [
    Difference(Section.NAME, "www.example.com", "leads here", "unknown"),
    Difference(Section.HELD, "192.0.2.10/32 on lo", "", "lo:vip"),
    Difference(Section.ENDPOINT, "www.example.com 192.0.2.10 80/tcp on lo", None, "served by \x1b[31m"),
    Difference(Section.PROBLEM, "dns: \u202ewww", "", None),
]


def test_a_line_each() -> None:
    assert render(audit([]), audit([]), FOUND, colour=False).splitlines() == [
        "--- web-17, 2026-11-23T03:12:07Z",
        "+++ web-17, 2026-11-23T03:12:07Z",
        "~ name www.example.com: leads here -> unknown",
        "~ held 192.0.2.10/32 on lo: (nothing) -> lo:vip",
        "+ endpoint www.example.com 192.0.2.10 80/tcp on lo: served by \\x1b[31m",
        "- problem dns: \\u202ewww",
    ]


def test_network_namespaces() -> None:
    other = replace(audit([]), netns="blue\x1b")
    assert render(audit([]), other, [], colour=False).splitlines()[:2] == [
        "--- web-17, 2026-11-23T03:12:07Z",
        "+++ web-17 (network namespace blue\\x1b), 2026-11-23T03:12:07Z",
    ]


def test_none() -> None:
    assert render(audit([]), audit([]), [], colour=False).endswith("\nNo difference.\n")


def test_colour() -> None:
    lines = render(audit([]), audit([]), FOUND, colour=True).splitlines()[2:]
    assert [line[:7] for line in lines] == ["\x1b[1;33m", "\x1b[1;33m", "\x1b[1;32m", "\x1b[1;31m"]
