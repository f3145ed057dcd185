"""file_sd groups in JSON."""

from __future__ import annotations

import json

import pytest

from lowatch.config.mentions import Mention
from tests.unit.config.domains_from.file_sd_reading import (
    GROUPS,
    MENTIONS,
    read_json,
)


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("frame", ["{}", " \t\r\n{}\n "])
def test_groups_in_json(indent: int | None, frame: str) -> None:
    assert read_json(frame.format(json.dumps(GROUPS, indent=indent))) == (MENTIONS, [])


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
