"""The JSON and YAML of file_sd_config: what is alike in both."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from lowatch.config.domains_from.file_sd import GroupErrors, parse_file_sd_target
from lowatch.config.domains_from.file_sd_json import json_mentions
from lowatch.config.domains_from.file_sd_yaml import yaml_mentions
from lowatch.config.domains_from.problems import Problems
from lowatch.config.mentions import Mention
from lowatch.core.addresses import Port
from lowatch.core.limits.config import NAMES_PROBLEMS

FILE = Path("targets")
HTTP, HTTPS, ALTERNATE = Port(80, "tcp"), Port(443, "tcp"), Port(8443, "tcp")

Read = Callable[[str], tuple[list[Mention], list[str]]]


def read_json(text: str) -> tuple[list[Mention], list[str]]:
    problems = Problems()
    mentions = list(json_mentions(FILE, text, problems))
    return mentions, [str(error) for error in problems.errors()]


def read_yaml(text: str) -> tuple[list[Mention], list[str]]:
    problems = Problems()
    mentions = list(yaml_mentions(FILE, text.encode(), problems))
    return mentions, [str(error) for error in problems.errors()]


@pytest.fixture(params=["libyaml", "Python"])
def a_yaml(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Read]:
    """With PyYAML as Debian and PyPI have it, and as it is where libyaml was missing."""
    if request.param == "Python":
        monkeypatch.delattr(yaml, "CSafeLoader")
    return read_yaml


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


GROUPS = [
    {"targets": ["www.example.com:443", "https://api.example.com"], "labels": {"targets": "x", "n": "1"}},
    {"labels": {}, "targets": []},
    {"targets": ["www.example.com"], "source": [{"deep": ["er"]}]},
]
MENTIONS = [
    Mention("www.example.com", (HTTPS,)),
    Mention("api.example.com", (HTTPS,)),
    Mention("www.example.com"),
]


def test_json_is_yaml(a_yaml: Read) -> None:
    assert a_yaml(json.dumps(GROUPS)) == (MENTIONS, [])


def test_none_at_all(a_yaml: Read) -> None:
    assert read_json("[]") == ([], [])
    assert a_yaml("[]") == ([], [])


def test_lines_are_looked_up_only_for_what_is_told() -> None:
    """Each look at a text counts its lines from the top."""
    problems = Problems()
    groups = GroupErrors(FILE, problems)
    looked: list[int] = []
    for number in range(NAMES_PROBLEMS.value * 3):
        groups.wrong_target(0, number, lambda: looked.append(1) or 7, "wrong")
    assert len(looked) == NAMES_PROBLEMS.value
    assert {error.line for error in problems.errors()} == {7, None}
