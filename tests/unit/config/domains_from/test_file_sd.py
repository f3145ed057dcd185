"""The JSON and YAML of file_sd_config: the same groups in both, the same domains, the same problems."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from lowatch.config.domains_from.file_sd import Groups, parse_file_sd_target
from lowatch.config.domains_from.file_sd_json import json_mentions
from lowatch.config.domains_from.file_sd_yaml import yaml_mentions
from lowatch.config.domains_from.problems import Problems
from lowatch.config.mentions import (
    Mention,
)
from lowatch.core.addresses import Port
from lowatch.core.limits import NAMES_PROBLEMS

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


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("frame", ["{}", " \t\r\n{}\n "])
def test_groups_in_json(indent: int | None, frame: str) -> None:
    assert read_json(frame.format(json.dumps(GROUPS, indent=indent))) == (MENTIONS, [])


@pytest.mark.parametrize("flow", [True, False, None])
def test_groups_in_yaml(a_yaml: Read, flow: bool | None) -> None:
    assert a_yaml(yaml.safe_dump(GROUPS, default_flow_style=flow)) == (MENTIONS, [])


def test_json_is_yaml(a_yaml: Read) -> None:
    assert a_yaml(json.dumps(GROUPS)) == (MENTIONS, [])


def test_none_at_all(a_yaml: Read) -> None:
    assert read_json("[]") == ([], [])
    assert a_yaml("[]") == ([], [])


WRONG_JSON = """\
[
  {"targets": ["a.example", "b..example",
               "b..example"], "targets ": ["b..example"]},
  "www.example.com",
  {"targets": "www.example.com"},
  {"target": ["www.example.com"]},
  {"labels": {"x": ["b..example"]},
   "targets": [
      1, null, true, [],
      {"targets": ["c.example"]},
      "d.example"]}
]
"""

WRONG_YAML = """\
- targets: [a.example, b..example,
            b..example]
- www.example.com
- targets: www.example.com
- target: [www.example.com]
- labels: {x: [b..example]}
  targets:
    - [c.example]
    -
      targets: [c.example]
    - d.example
"""


def test_what_is_wrong_in_json_has_its_line_and_does_not_lose_the_rest() -> None:
    mentions, told = read_json(WRONG_JSON)
    assert mentions == [Mention("a.example"), Mention("d.example")]
    empty = "'b..example' has an empty label (two dots in a row, or one in front)"
    assert told == [
        f"targets:2: [0].targets[1]: {empty}",
        f"targets:3: [0].targets[2]: {empty}",
        'targets:4: [1]: must be a group with "targets", not a string',
        'targets:5: [2]: "targets" must be a list, not a string',
        'targets:6: [3]: lacks "targets"',
        "targets:9: [4].targets[0]: must be a string, not a number",
        "targets:9: [4].targets[1]: must be a string, not null",
        "targets:9: [4].targets[2]: must be a string, not a boolean",
        "targets:9: [4].targets[3]: must be a string, not an array",
        "targets:10: [4].targets[4]: must be a string, not an object",
    ]


def test_what_is_wrong_in_yaml_has_its_line_and_does_not_lose_the_rest(a_yaml: Read) -> None:
    mentions, told = a_yaml(WRONG_YAML)
    assert mentions == [Mention("a.example"), Mention("d.example")]
    empty = "'b..example' has an empty label (two dots in a row, or one in front)"
    assert told == [
        f"targets:1: [0].targets[1]: {empty}",
        f"targets:2: [0].targets[2]: {empty}",
        'targets:3: [1]: must be a group with "targets", not a scalar',
        'targets:4: [2]: "targets" must be a list, not a scalar',
        'targets:5: [3]: lacks "targets"',
        "targets:8: [4].targets[0]: must be a string, not a list",
        "targets:10: [4].targets[1]: must be a string, not a mapping",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", 'must be a list of groups, each with "targets"'),
        (" \n", 'must be a list of groups, each with "targets"'),
        ('{"targets": []}', 'must be a list of groups, each with "targets"'),
        ("null", 'must be a list of groups, each with "targets"'),
        ("\n]", "is not valid JSON: Expecting value"),
        ("[" * 100_000, "is nested too deeply"),
    ],
)
def test_no_json_of_groups(text: str, problem: str) -> None:
    mentions, [told] = read_json(text)
    assert mentions == []
    assert told.endswith(f": {problem}")


@pytest.mark.parametrize(
    ("rest", "problem"),
    [
        ("", "targets:2: is not valid JSON: Expecting ',' delimiter"),
        (",", "targets:2: is not valid JSON: Expecting value"),
        (",]", "targets:2: is not valid JSON: "),  # in words of the version's own
        (",\n{'targets': []}]", "targets:3: is not valid JSON: Expecting property name"),
        ("]\n[]", "targets:3: is not valid JSON: Extra data"),
        (", 1" + "0" * 5000 + "]", "targets: Exceeds the limit"),
    ],
)
def test_json_is_read_up_to_where_it_breaks_off(rest: str, problem: str) -> None:
    """As a file that is still being written does."""
    mentions, [told] = read_json('[\n{"targets": ["a.example"]}' + rest)
    assert mentions == [Mention("a.example")]
    assert told.startswith(problem)


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "null", "www.example.com", "targets: [www.example.com]", "*a"]
)
def test_no_yaml_of_groups(a_yaml: Read, text: str) -> None:
    mentions, [told] = a_yaml(text)
    assert mentions == []
    assert told.startswith("targets:")


@pytest.mark.parametrize(
    ("rest", "problem"),
    [
        ("- targets: [", "targets:3: is not valid YAML: "),
        ("- targets: 'a", "targets:3: is not valid YAML: "),
        ("\tb", "targets:2: is not valid YAML: "),
        ("---\n- targets: [b.example]", "targets: has more than one document"),
        # Whoever counts first: we, or a newer libyaml.
        (
            "- labels: " + "[" * 1_000_000,
            r"targets(: is nested too deeply|:2: is not valid YAML: .*nesting)",
        ),
        ("- \x01", "targets: is not valid YAML: "),
    ],
)
def test_yaml_is_read_up_to_where_it_breaks_off(rest: str, problem: str) -> None:
    mentions, [told] = read_yaml(f"- targets: [a.example]\n{rest}\n")
    assert re.match(problem, told)
    assert told.isprintable()
    assert mentions in ([], [Mention("a.example")])  # what cannot be decoded is refused beforehand


def test_an_alias_is_not_followed(a_yaml: Read) -> None:
    text = "- &all\n  targets: &names [a.example]\n- *all\n- targets: *names\n- targets: [*names]\n"
    mentions, told = a_yaml(text)
    assert mentions == [Mention("a.example")]
    assert [line.rpartition(" not ")[2] for line in told] == ["an alias"] * 3


def test_lines_are_looked_up_only_for_what_is_told() -> None:
    """Each look at a text counts its lines from the top."""
    problems = Problems()
    groups = Groups(FILE, problems)
    looked: list[int] = []
    for number in range(NAMES_PROBLEMS.value * 3):
        groups.wrong_target(0, number, lambda: looked.append(1) or 7, "wrong")
    assert len(looked) == NAMES_PROBLEMS.value
    assert {error.line for error in problems.errors()} == {7, None}


def test_keys_that_are_no_strings(a_yaml: Read) -> None:
    text = "- {[targets]: [a.example], 1: 2, ? {a: b} : c, targets: [b.example]}\n"
    assert a_yaml(text) == ([Mention("b.example")], [])
