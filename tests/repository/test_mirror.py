"""Unit tests are as easy to find as the code: tests/unit mirrors lowatch/."""

from __future__ import annotations

from pathlib import Path

from tests.support.repository import ROOT

SOURCES, TESTS = ROOT / "lowatch", ROOT / "tests/unit"
WITHOUT = {
    "Protocols, named tuples and exceptions only": {
        "app/ports",
        "cli/wiring_port",
        "core/clock",
        "core/surroundings",
        "core/known",
        "core/plan",
        "resolve/upstream/channel",
        "resolve/views/dns_view",
    },
    "numbers and rows only": {
        "cli/exit_codes",
        "core/limits/alerts",
        "core/limits/boot",
        "core/limits/config",
        "core/limits/files",
        "core/limits/http",
        "core/limits/kernel",
        "core/limits/lookups",
        "core/limits/names",
        "core/limits/zones",
    },
    "puts real parts together: tests/netns runs it": {
        "kernel/host_events",
        "kernel/rehearsal/copy",
        "kernel/rehearsal/rehearser",
        "kernel/rehearsal/state",
        "wiring",
        "wiring/build",
        "wiring/candidates",
        "wiring/check",
        "wiring/clean",
        "wiring/daemon",
        "wiring/lookups",
        "wiring/name_finders",
        "wiring/own_netns",
        "wiring/snapshot",
        "wiring/service",
        "wiring/verified_check",
        "wiring/zones",
    },
    "the program itself: tests/packaging, tests/netns and tests/e2e run it": {
        "__main__",
        "cli/demo/orphan",
        "cli/demo/privileged",
        "cli/demo/story",
        "cli/demo/zero",
    },
}
"""Modules without a unit test of their own, by the reason."""


def modules() -> set[str]:
    """Each by its path, a package by its own if its __init__.py has more than a docstring."""
    found = set()
    for file in SOURCES.rglob("*.py"):
        path = file.relative_to(SOURCES).with_suffix("")
        if path.name != "__init__":
            found.add(str(path))
        elif path.parent.name and "import" in file.read_text():
            found.add(str(path.parent))
    return found


def module_of(test: Path, known: set[str]) -> str | None:
    """The module that a test file is named after: `test_<module>.py`, or `test_<module>_<aspect>.py`.

    A package's own test is in its directory: tests/unit/core/rules/test_rules.py.
    """
    directory, name = test.relative_to(TESTS).parent, test.stem.removeprefix("test_")
    if str(directory) in known and name == directory.name:
        return str(directory)
    words = name.split("_")
    for count in range(len(words), 0, -1):
        module = str(directory / "_".join(words[:count]))
        if module in known:
            return module
    return None


def test_every_test_is_named_after_a_module() -> None:
    known = modules()
    strays = [
        str(test.relative_to(ROOT)) for test in TESTS.rglob("test_*.py") if not module_of(test, known)
    ]
    assert strays == []


def test_every_module_has_a_test_or_a_reason() -> None:
    known = modules()
    found = {module_of(test, known) for test in TESTS.rglob("test_*.py")}
    excused = set().union(*WITHOUT.values())
    assert known - found - excused == set()
    assert excused - known == set(), "they are gone"
    assert excused & found == set(), "they have a test"
