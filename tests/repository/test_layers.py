"""Every external package that lowatch imports is in one of import-linter's contracts."""

from __future__ import annotations

import ast
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
