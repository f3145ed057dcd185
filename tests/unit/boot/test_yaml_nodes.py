"""YAML documents, damaged and hostile ones too."""

from __future__ import annotations

from pathlib import Path

import pytest

from lowatch.boot.yaml_nodes import document, elements, items, line_of, member, scalar
from lowatch.core.limits.boot import BOOT_YAML_BYTES
from tests.unit.boot.reading import written_to


def reasons(root: Path, text: str) -> list[str]:
    source = written_to(root, {"/a.yaml": text})
    assert document("/a.yaml", source) is None
    return [f"{one.line} {one.reason}" for one in source.unread]


def test_nodes_know_their_lines(tmp_path: Path) -> None:
    root = document("/a.yaml", written_to(tmp_path, {"/a.yaml": "a:\n  b:\n    - c\n    - d\n"}))
    assert [(scalar(node), line_of(node)) for node in elements(member(root, "a", "b"))] == [
        ("c", 3),
        ("d", 4),
    ]
    assert [key.value for key, _ in items(root)] == ["a"]
    assert member(root, "a", "x", "y") is None
    assert list(elements(root)) == []
    assert scalar(root) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: [1", "2 is not YAML: did not find expected ',' or ']'"),
        ("a:\n\tb", "2 is not YAML: found character that cannot start any token"),
        ("a: \x07", "0 is not YAML: control characters are not allowed"),
        ("[" * 200 + "]" * 200, "1 is nested too deeply"),
        ("\n".join("  " * n + "a:" for n in range(200)), "101 is nested too deeply"),
        ("a: *x", "1 is not YAML: found undefined alias"),
        ("a: &a [*a]", "0 is beyond the limit boot_yaml_values"),
        ("x" * (BOOT_YAML_BYTES.value + 1), "0 is larger than 256 KiB"),
    ],
)
def test_what_is_refused(text: str, reason: str, tmp_path: Path) -> None:
    [said] = reasons(tmp_path, text)
    assert said.split(": ")[0] == reason.split(": ", maxsplit=1)[0]


def test_what_libyaml_may_refuse_itself(tmp_path: Path) -> None:
    """Newer ones have a limit of their own; that of Debian 12 overflows the stack."""
    assert reasons(tmp_path, "[" * 100_000)[0].startswith(
        ("1 is nested too deeply", "1 is not YAML: exceeded")
    )


def test_aliases_that_multiply(tmp_path: Path) -> None:
    lines = ["a0: &a0 [1, 2]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert reasons(tmp_path, "\n".join(lines)) == ["0 is beyond the limit boot_yaml_values"]


def test_an_alias_is_read_where_it_stands_for_little(tmp_path: Path) -> None:
    root = document("/a.yaml", written_to(tmp_path, {"/a.yaml": "a: &a [1]\nb: *a\n"}))
    assert [scalar(node) for node in elements(member(root, "b"))] == ["1"]


def test_no_file(tmp_path: Path) -> None:
    assert document("/a.yaml", written_to(tmp_path, {})) is None
