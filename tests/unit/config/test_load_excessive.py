"""Files that would take minutes or gigabytes to read: each is refused in a line, soon and frugally."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lowatch.config.errors import ConfigErrors
from lowatch.config.load import load
from lowatch.config.toml_lines import find_long_key
from lowatch.core.limits.config import CONFIG_ERRORS, CONFIG_FILES, NAMES, YAML_EVENTS

MEMORY = 400 << 20
"""Bytes of address space: what a heap of a hundred MiB takes, and not a GiB."""
PATIENCE = 300
"""Seconds, on a machine that is busy; on one that is not, few."""
BUSY = 20
"""CPU seconds."""

PROGRAM = """
import resource, sys
from pathlib import Path
from lowatch.config.errors import ConfigErrors
from lowatch.config.load import load
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]),) * 2)
resource.setrlimit(resource.RLIMIT_CPU, (int(sys.argv[3]),) * 2)
try:
    config = load(Path(sys.argv[1]))
except ConfigErrors as errors:
    print(errors)
else:
    print(*config.problems, *("unread" for _ in config.unread), sep="\\n")
"""


def read_frugally(main: Path) -> list[str]:
    """What is told of it, by a process that has little."""
    limits = [str(MEMORY), str(BUSY)]
    command = [sys.executable, "-c", PROGRAM, str(main), *limits]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('domains = ["' + "a" * 3_000_000 + '"]', ":1: domains[0]: 'aaaa"),
        ('domains = ["""' + "a " * 1_500_000 + '"""]', ":1: domains[0]: 'a"),
        ("domains = ['''" + "a " * 1_500_000 + "''']", ":1: domains[0]: 'a"),
        ('domains = ["' + "\\n" * 1_500_000 + '"]', ":1: domains[0]: "),
        ("ports = [" + "1," * 800_000 + "]", ": has more than 700,000 values and lines"),
        ("ports = [" + "[],\n" * 800_000 + "]", ": has more than 700,000 values and lines"),
        (
            "".join(f"k{number} = 1\n" for number in range(800_000)),
            ": has more than 700,000 values and lines",
        ),
        ("\n" + ".".join("a" * 50_000) + " = 1", ":2: a key has more than 16 parts"),
        ("x = { " + " . ".join("a" * 50_000) + " = 1 }", ":1: a key has more than 16 parts"),
        ("[" + ".".join(['"a"'] * 50_000) + "]", ":1: a key has more than 16 parts"),
        ("ports = " + "[" * 300_000, ": is nested too deeply"),
        ("a" * 11_500_000, ": is not valid TOML: "),
        ("#\n" * 8_000_000, ": has more than 700,000 values and lines"),
    ],
    ids=lambda value: value[:12].strip() if isinstance(value, str) else None,
)
def test_a_configuration(tmp_path: Path, text: str, told: str) -> None:
    main = tmp_path / "lowatch.toml"
    main.write_text(text)
    (line,) = read_frugally(main)
    assert line.startswith(f"{main}{told}")
    assert len(line) < 1000


def test_the_first_thousand_errors_are_reported_and_the_others_counted(tmp_path: Path) -> None:
    main = tmp_path / "lowatch.toml"
    main.write_text("".join(f"k{number} = 1\n" for number in range(10_000)))
    lines = read_frugally(main)
    assert len(lines) == CONFIG_ERRORS.value + 1
    assert lines[0].startswith(f"{main}:1: k0: unknown key")
    assert lines[-1] == f"{main}: and 9,000 more errors"


@pytest.mark.parametrize(
    ("key", "parts"),
    [
        ("a.b.c", 3),
        (" a . b\t.c ", 3),
        ("\"a.b\".'c.d'.e", 3),
        ("x = 'a.b.c.d.e.f.g.h.i'", 1),
        ('x = """\na.b.c.d.e.f.g.h.i"""', 1),
        ("# a.b.c.d.e.f.g.h.i", 1),
    ],
)
def test_the_parts_of_a_key_are_counted(key: str, parts: int) -> None:
    dots = "# ........................\n"  # so that it looks at all
    assert find_long_key(dots + key, parts) is None
    assert parts == 1 or find_long_key(dots + key, parts - 1) == 2


def test_a_large_good_configuration(tmp_path: Path) -> None:
    """100,000 domains on one line, as a generator writes them."""
    main = tmp_path / "lowatch.toml"
    names = [f"host{number}.with.a.name.of.some.more.labels.example.com" for number in range(100_000)]
    main.write_text(f"domains = [{','.join(map(repr, names))}]")
    assert read_frugally(main) == [""]


def test_a_directory_of_too_many_files(tmp_path: Path) -> None:
    main = tmp_path / "lowatch.toml"
    main.write_text("")
    (tmp_path / "lowatch.d").mkdir()
    for number in range(CONFIG_FILES.value + 1):
        (tmp_path / "lowatch.d" / f"{number}.toml").touch()
    with pytest.raises(ConfigErrors, match=r"lowatch\.d: has more than 1,000 files"):
        load(main)


@pytest.mark.parametrize(
    ("file", "make", "told"),
    [
        ("a.txt", lambda: "!\n" * 10_000_000, "has more than 100,000 problems"),
        ("a.txt", lambda: "\n" * 1_100_000, "has more than 1,000,000 lines"),
        ("a.txt", lambda: "a" * 30_000_000, "is longer than 4096 bytes"),
        ("a.json", lambda: "[" + "1," * 10_000_000 + "1]", "has more than 100,000 problems"),
        ("a.json", lambda: "[[" + "1," * 10_000_000 + "1]]", "has more than 4,194,304 bytes in one group"),
        ("a.json", lambda: "[{" + "," * 10_000_000 + "}]", "1: is not valid JSON: "),
        ("a.json", lambda: "[" + '{"targets":' * 300_000, "is nested too deeply"),
        ("a.json", lambda: '["' + "x" * 50_000_000 + '"]', "has more than 4,194,304 bytes in one group"),
        ("a.yml", lambda: "- 1\n" * 1_000_000, "has more than 100,000 problems"),
        # libyaml's own bound, which came after 0.2.5, or else ours.
        ("a.yml", lambda: "[" * 10_000_000, "(exceeded maximum nesting depth|is nested too deeply)"),
    ],
)
def test_a_file_of_names(tmp_path: Path, file: str, make: Callable[[], str], told: str) -> None:
    main = tmp_path / "lowatch.toml"
    main.write_text(f'[[domains_from]]\npath = "{file}"')
    (tmp_path / file).write_text(make())
    *lines, last = read_frugally(main)
    if told.startswith("is longer"):
        assert told in last
    else:
        assert last == "unread"
        assert re.search(told, lines[-1])
    assert len(lines) < 103


def test_more_names_than_anybody_follows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NAMES, "value", 10)
    main = tmp_path / "lowatch.toml"
    main.write_text('[[domains_from]]\npath = "*.txt"')
    (tmp_path / "a.txt").write_text("".join(f"a{number}.example\n" for number in range(8)))
    (tmp_path / "b.txt").write_text("b.example\n" * 3)
    config = load(main)
    assert [str(one) for one in config.problems] == [
        f"{tmp_path}/b.txt: has more than 10 domains, counting the files before it"
    ]
    assert config.unread == (tmp_path / "b.txt",)


def test_more_of_yaml_than_anybody_means(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(YAML_EVENTS, "value", 1000)
    main = tmp_path / "lowatch.toml"
    main.write_text('[[domains_from]]\npath = "a.yml"')
    (tmp_path / "a.yml").write_text("- x: [" + "1," * 1000 + "1]")
    (problem,) = load(main).problems
    assert str(problem).endswith("a.yml: has more than 1,000 values, keys, lists and mappings")
