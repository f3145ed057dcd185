"""file_sd groups in YAML."""

from __future__ import annotations

import re

import pytest
import yaml

from lowatch.config.mentions import Mention
from tests.unit.config.domains_from.file_sd_reading import (
    GROUPS,
    MENTIONS,
    Read,
    read_yaml,
)


@pytest.mark.parametrize("flow", [True, False, None])
def test_groups_in_yaml(a_yaml: Read, flow: bool | None) -> None:
    assert a_yaml(yaml.safe_dump(GROUPS, default_flow_style=flow)) == (MENTIONS, [])


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


def test_keys_that_are_no_strings(a_yaml: Read) -> None:
    text = "- {[targets]: [a.example], 1: 2, ? {a: b} : c, targets: [b.example]}\n"
    assert a_yaml(text) == ([Mention("b.example")], [])
