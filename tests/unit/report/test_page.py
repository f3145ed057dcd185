from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from lowatch.core.audit import Audit
from lowatch.core.findings import FindingKind
from lowatch.core.snapshot import Problem
from lowatch.report import page

from .audit_worlds import (
    audit,
    bad_night,
    big,
    clear,
    incomplete,
    many_names,
    one_orphan,
    tracked,
    unresolved,
)

HOSTILE = "</td><script>alert(1)</script>\"'&amp;"


class Elements(HTMLParser):
    """Every element and attribute, and the text of the page as a reader sees it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def render(of: Audit | None) -> str:
    return page.render(of, version="1.2.3", telemetry_path="/metrics").decode()


@pytest.mark.parametrize("world", [clear, one_orphan, bad_night, incomplete])
def test_it_loads_nothing_and_runs_nothing(world: Callable[[], Audit]) -> None:
    seen = Elements(render(world()))
    assert not {"script", "img", "link", "iframe", "object", "form"} & set(seen.elements)
    for name, value in seen.attributes:
        assert not name.startswith("on")
        assert name != "style"
        if name in ("href", "src"):
            assert value is not None
            assert re.match(r"/[^/]", value)


def test_the_policy_allows_this_style_sheet_and_no_other() -> None:
    [style] = re.findall("<style>(.*?)</style>", render(clear()), re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in page.CONTENT_SECURITY_POLICY


def test_everything_is_escaped() -> None:
    of = audit(
        [
            tracked(
                FindingKind.ORPHAN_VIP,
                HOSTILE,
                HOSTILE,
                interface=HOSTILE,
                domain=HOSTILE,
                address="192.0.2.10",
                port="80",
            )
        ],
        problems=[Problem(HOSTILE, HOSTILE)],
    )
    html = page.render(of, version=HOSTILE, telemetry_path=f"/{HOSTILE}").decode()
    seen = Elements(html)
    assert "script" not in seen.elements
    assert seen.text.count(HOSTILE) == 2 + 2 + 2 + 1 + 1


def test_another_network_namespace_is_named() -> None:
    text = Elements(render(replace(clear(), netns="blue"))).text
    assert text.count("lowatch on web-17 (network namespace blue)") == 2


def test_findings_and_problems_are_reported() -> None:
    text = Elements(render(bad_night())).text
    assert "web-17" in text
    assert "Incomplete" in text
    assert "Audited at 2026-11-23T03:12:07Z" in text
    for tracked_one in bad_night().findings:
        assert tracked_one.finding.reason in text
    assert "served by nginx.service until 2026-11-23T02:58:03Z, 14 min 4 s ago" in text
    for problem in bad_night().problems:
        assert problem.message in text
    assert "1,204" in text  # domains


def test_an_acknowledged_one_has_its_reason_and_no_fix() -> None:
    text = Elements(render(bad_night())).text
    assert "Acknowledged until 2026-11-30T23:00:00Z: kept until the move, see OPS-4711" in text
    assert "ip address del 192.0.2.77/32 dev lo" not in text


def test_names_that_do_not_resolve_are_shown() -> None:
    text = Elements(render(unresolved())).text
    assert "Unresolved domains" in text
    assert "the name does not exist, according to 192.0.2.53" in text
    assert "14 min 3 s" in text
    assert "Unresolved domains" not in Elements(render(clear())).text


def test_what_is_at_one_address_is_one_row() -> None:
    text = Elements(render(many_names())).text
    assert text.count("orphan-vip") == 3
    assert "n0.example.com, n102.example.com, n105.example.com and 331 more" in text


def test_nothing_found_is_said() -> None:
    text = Elements(render(clear())).text
    assert "Complete." in text
    assert "None." in text
    assert "could not be observed" not in text


def test_what_is_left_out_is_counted() -> None:
    text = Elements(render(big(served=1, idle=255))).text
    assert "And 55 more findings." in text
    assert Elements(render(big(served=1, idle=200))).text.count("more finding") == 0


def test_before_the_first_audit() -> None:
    text = Elements(render(None)).text
    assert "not done yet" in text
    assert "1.2.3" in text
