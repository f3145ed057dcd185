"""The JSON and YAML of file_sd_config: what is alike in both."""

from __future__ import annotations

import json

import pytest

from lowatch.config.domains_from.file_sd import GroupErrors, parse_file_sd_target
from lowatch.config.domains_from.problems import Problems
from lowatch.config.mentions import Mention
from lowatch.core.limits.config import NAMES_PROBLEMS
from tests.unit.config.domains_from.file_sd_reading import (
    ALTERNATE,
    FILE,
    GROUPS,
    HTTP,
    HTTPS,
    MENTIONS,
    Read,
    read_json,
)


@pytest.mark.parametrize(
    ("text", "mention"),
    [
        ("www.example.com", Mention("www.example.com")),
        ("www.example.com:8443", Mention("www.example.com", (ALTERNATE,))),
        ("https://www.example.com", Mention("www.example.com", (HTTPS,))),
        ("http://www.example.com/", Mention("www.example.com", (HTTP,))),
        ("https://www.example.com:8443/health?a=b#c", Mention("www.example.com", (ALTERNATE,))),
        ("HTTPS://WWW.example.com?q", Mention("www.example.com", (HTTPS,))),
        ("https://user:p@ss@www.example.com/a@b", Mention("www.example.com", (HTTPS,))),
        ("https://bücher.example/ä", Mention("xn--bcher-kva.example", (HTTPS,))),
    ],
)
def test_a_target(text: str, mention: Mention) -> None:
    assert parse_file_sd_target(text) == mention


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "is empty"),
        ("192.0.2.10:9100", "is an address"),
        ("[2001:db8::10]:9100", "is an address"),
        ("https://192.0.2.10/", "is an address"),
        ("https://[2001:db8::10]/", "is an address"),
        ("https://", "is empty"),
        ("https:///path", "is empty"),
        ("https://www.example.com:/", "bad port"),
        ("https://www.example.com:https/", "bad port"),
        ("ftp://www.example.com", "is a URL"),
        ("www.example.com/health", "slash but no port"),
        ("https://_xmpp._tcp.example.com/", "SRV records"),
    ],
)
def test_no_target(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_file_sd_target(text)


def test_json_is_yaml(a_yaml: Read) -> None:
    assert a_yaml(json.dumps(GROUPS)) == (MENTIONS, [])


def test_none_at_all(a_yaml: Read) -> None:
    assert read_json("[]") == ([], [])
    assert a_yaml("[]") == ([], [])


def test_lines_are_looked_up_only_for_what_is_reported() -> None:
    """Each look at a text counts its lines from the top."""
    problems = Problems()
    groups = GroupErrors(FILE, problems)
    looked: list[int] = []
    for number in range(NAMES_PROBLEMS.value * 3):
        groups.wrong_target(0, number, lambda: looked.append(1) or 7, "wrong")
    assert len(looked) == NAMES_PROBLEMS.value
    assert {error.line for error in problems.errors()} == {7, None}
