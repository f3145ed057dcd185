"""YAML documents as nodes, which know their lines: for netplan and cloud-init."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from lowatch.core.limits.boot import BOOT_YAML_BYTES, BOOT_YAML_VALUES
from lowatch.core.limits.config import YAML_DEPTH

from .source import Source

_STEPS = {"SequenceStartEvent": 1, "MappingStartEvent": 1, "SequenceEndEvent": -1, "MappingEndEvent": -1}
"""By how much an event changes the depth; other events do not."""


class Node(Protocol):
    """PyYAML's node. id: "scalar", "sequence" or "mapping". value: a text, nodes, or pairs of nodes."""

    id: str
    value: Any
    start_mark: Any


def document(file: str, source: Source) -> Node | None:
    """The root of a file; None where it is empty or cannot be read. Anchors are not expanded."""
    text = source.text(file, BOOT_YAML_BYTES)
    if text is None:
        return None
    import yaml  # type: ignore[import-untyped]  # noqa: PLC0415  # most hosts have no such file; docs/dependencies.md has its cost

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # without libyaml it takes ten times as long
    try:
        line = _too_deep(yaml.parse(text, Loader=loader))
        if line:
            YAML_DEPTH.reached()
            source.cannot_read(file, "is nested too deeply", line)
            return None
        root: Node | None = yaml.compose(text, Loader=loader)
        size = _expanded(root, {})
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else 0
        source.cannot_read(file, f"is not YAML: {error.problem or 'it is damaged'}", line)
    except (yaml.YAMLError, ValueError) as error:
        source.cannot_read(file, f"is not YAML: {str(error).split(chr(10))[0]}")
    else:
        if size <= BOOT_YAML_VALUES.value:
            return root
        BOOT_YAML_VALUES.reached()
        source.cannot_read(file, f"is beyond the limit {BOOT_YAML_VALUES.name}")
    return None


def _too_deep(events: Iterable[Any]) -> int:
    """The line on which the nesting exceeds its limit, or 0.

    To be asked first: libyaml of Debian 12 composes by recursion until its stack overflows.
    """
    depth = 0
    for event in events:
        depth += _STEPS.get(type(event).__name__, 0)
        if depth > YAML_DEPTH.value:
            return int(event.start_mark.line) + 1
    return 0


def _expanded(node: Node | None, known: dict[int, int]) -> int:
    """How many nodes there are, those behind an alias counted each time; too many if it contains itself."""
    if node is None or node.id == "scalar":
        return 1
    if id(node) not in known:
        known[id(node)] = BOOT_YAML_VALUES.value + 1  # until it is counted: what it contains is not itself
        children = node.value if node.id == "sequence" else [each for pair in node.value for each in pair]
        known[id(node)] = 1 + sum(_expanded(child, known) for child in children)
    return known[id(node)]


def items(node: Node | None) -> Iterator[tuple[Node, Node]]:
    """The scalar keys of a mapping and their values; nothing for any other node."""
    if node is not None and node.id == "mapping":
        yield from ((key, value) for key, value in node.value if key.id == "scalar")


def elements(node: Node | None) -> Iterator[Node]:
    """The elements of a list; nothing for any other node."""
    if node is not None and node.id == "sequence":
        yield from node.value


def member(node: Node | None, *keys: str) -> Node | None:
    """The value at a path of keys, or None."""
    for key in keys:
        node = next((value for name, value in items(node) if name.value == key), None)
    return node


def scalar(node: Node | None) -> str | None:
    """The text of a scalar, or None."""
    return str(node.value) if node is not None and node.id == "scalar" else None


def line_of(node: Node) -> int:
    return int(node.start_mark.line) + 1
