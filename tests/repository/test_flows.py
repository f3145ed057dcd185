"""The flows of docs/internals go through functions that exist and call one another; so do the arrows."""

from __future__ import annotations

import ast
import re
from functools import cache
from typing import NamedTuple

import pytest

from tests.support.repository import ROOT

PAGE = (ROOT / "docs/internals/flows.md").read_text()


class Step(NamedTuple):
    """file: below lowatch/. function: with its class. begins: whether it begins a chain of calls."""

    file: str
    function: str
    begins: bool


def flows() -> dict[str, list[Step]]:
    """By title. A paragraph between two steps ends a chain: work goes on from there."""
    found: dict[str, list[Step]] = {}
    for section in PAGE.split("\n## ")[1:]:
        title, *lines = section.splitlines()
        begins, steps = True, []
        for line in lines:
            step = re.match(r"\d+\. `([\w/]+\.py):([\w.]+)`", line)
            if step is not None:
                steps.append(Step(step[1], step[2], begins))
                begins = False
            elif line and not line.startswith("   "):
                begins = True
        if steps:
            found[title] = steps
    return found


@cache
def source_of(file: str, function: str) -> str:
    """Raises LookupError where there is no such function."""
    text = (ROOT / "lowatch" / file).read_text()
    node: ast.AST = ast.parse(text)
    for name in function.split("."):
        body = getattr(node, "body", [])
        node = next(
            one
            for one in body
            if isinstance(one, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and one.name == name
        )
    return ast.get_source_segment(text, node) or ""


FLOWS = flows()


@pytest.mark.parametrize("title", FLOWS)
def test_each_step_exists_and_the_one_before_it_calls_it(title: str) -> None:
    before: Step | None = None
    for step in FLOWS[title]:
        assert source_of(step.file, step.function)
        if before is not None and not step.begins:
            name = step.function.removesuffix(".__init__").rpartition(".")[2]
            calls = source_of(before.file, before.function)
            assert re.search(rf"\b{name}\b", calls.partition("\n")[2]), f"{before} does not call {name}"
        before = step


@pytest.mark.parametrize("title", FLOWS)
def test_the_steps_are_counted(title: str) -> None:
    [row] = re.findall(rf"\| {title} \| (\d+) \| (\d+) \| (\d+) \|", PAGE)
    steps, before, shorter = map(int, row)
    assert steps == len(FLOWS[title])
    assert shorter == before - steps > 0


def test_there_are_three() -> None:
    assert len(FLOWS) == 3


ARROW = re.compile(r"^ +(\w+)(?:\[([\w/.]+)\])? -- (\w+) --> (\w+)(?:\[([\w/.]+)\])?$", re.MULTILINE)


def arrows() -> list[tuple[str, str, str]]:
    """From which file, by which method, to which file."""
    page = (ROOT / "docs/internals/architecture.md").read_text()
    [drawing] = re.findall(r"```mermaid\n(.*?)```", page, re.DOTALL)
    lines = ARROW.findall(drawing)
    assert len(lines) == len(drawing.splitlines()) - 1
    files = {
        name: file for start, at, _, end, to in lines for name, file in ((start, at), (end, to)) if file
    }
    return [(files[start], method, files[end]) for start, _, method, end, _ in lines]


@pytest.mark.parametrize(("start", "method", "end"), arrows())
def test_each_arrow_is_a_call(start: str, method: str, end: str) -> None:
    texts = [(ROOT / "lowatch" / file).read_text() for file in (start, end)]
    defines = [bool(re.search(rf"\bdef {method}\(", text)) for text in texts]
    calls = [bool(re.search(rf"(?<!def )\b{method}\(|\.{method}\b(?! =)", text)) for text in texts]
    assert (defines[0] and calls[1]) or (defines[1] and calls[0])
