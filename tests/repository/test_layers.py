"""import-linter's contracts: complete, and drawn as they are in docs/internals/architecture.md."""

from __future__ import annotations

import ast
import re
import sys
import tomllib

from tests.support.repository import ROOT

CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]


def imported() -> set[str]:
    """The first names of all modules that the sources import."""
    found = set()
    for file in (ROOT / "lowatch").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    return found


def test_every_external_package_is_allowed_in_named_places_only() -> None:
    external = imported() - sys.stdlib_module_names - {"lowatch"}
    protected = {name for contract in CONTRACTS for name in contract.get("protected_modules", ())}
    assert external <= protected
    assert protected - sys.stdlib_module_names <= external


def test_the_layers_are_drawn_as_they_are() -> None:
    page = (ROOT / "docs/internals/architecture.md").read_text()
    [drawing] = re.findall(r"## The layers\n.*?```\n(.*?)```", page, re.DOTALL)
    drawn = [re.split(r"  +", line.strip())[0] for line in drawing.splitlines()]
    [layers] = [contract["layers"] for contract in CONTRACTS if contract.get("containers") == ["lowatch"]]
    assert drawn == layers


def test_every_package_is_in_the_table_for_contributors() -> None:
    table = re.findall(r"^\| `lowatch/(\w+)` \|", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    packages = {file.parent.name for file in (ROOT / "lowatch").glob("*/__init__.py")}
    assert set(table) == packages
    assert len(table) == len(packages)


def test_every_directory_of_tests_is_in_the_table_for_contributors() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text().split("\n## Tests")[1]
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `tests/")]
    named = [name for row in rows for name in re.findall(r"`tests/(\w+)`", row)]
    data = {"config", "golden"}
    found = {file.relative_to(ROOT / "tests").parts[0] for file in (ROOT / "tests").glob("*/**/*.py")}
    directories = found - data
    assert sorted(named) == sorted(directories)
