"""What the repository says about itself is true: links, targets, configuration, metrics."""

import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

from lowatch.config.load import load
from tests.support.repository import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
SOURCES = sorted(ROOT.glob("lowatch/**/*.py"))
OPENS = {
    "lowatch/files/regular_file.py": "here",
    "lowatch/files/lock.py": "a directory, which O_DIRECTORY sees to",
    "lowatch/files/replacement.py": "its own temporary file, which O_NOFOLLOW and O_EXCL see to",
    "lowatch/files/threads.py": "says why asyncio.to_thread() is not used",
    "lowatch/__main__.py": "/dev/null",
    "lowatch/cli/demo/privileged.py": "the trace_pipe of its own tracefs instance",
    "lowatch/cli/demo/story.py": "its own log",
    "lowatch/cli/recordings.py": "what a person named, a pipe too; its own temporary file",
    "lowatch/kernel/cgroups.py": "/sys/fs/cgroup",
    "lowatch/kernel/changes/place.py": "/proc",
    "lowatch/kernel/ipvs.py": "/proc",
    "lowatch/kernel/listeners.py": "/proc",
    "lowatch/kernel/netns.py": "/proc; what root named, without waiting, and of no other use than setns()",
    "lowatch/kernel/saved_names.py": "/sys/kernel/tracing",
    "lowatch/kernel/sysctl.py": "/proc",
    "lowatch/kernel/rehearsal/settings.py": "/proc/sys/net",
    "lowatch/service/http/control_socket.py": "its own lock, below its own directory",
    "lowatch/service/intents.py": "its own file, which O_NOFOLLOW and O_NONBLOCK see to",
    "lowatch/service/journal/socket.py": "a memory file",
    "lowatch/service/process.py": "/proc",
}
OPENING = re.compile(
    r"\.read_(?:text|bytes)\(|\b(?:os|path)\.open\(|\.open\(\"|(?<!def )(?<![.\w])open\((?!\))"
    r"|to_thread\(|executor"
)
README = (ROOT / "README.md").read_text()
AT_THE_ROOT = {
    ".ci",
    ".git",
    ".gitignore",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "bench",
    "debian",
    "docs",
    "lowatch",
    "packaging",
    "pyproject.toml",
    "scripts",
    "tests",
}


def test_the_root_has_what_belongs_there() -> None:
    """What .gitignore names may come and go. Whatever builds something builds it elsewhere, or in dist/."""
    ignored = [line.strip("/") for line in (ROOT / ".gitignore").read_text().splitlines()]
    found = {
        entry.name
        for entry in ROOT.iterdir()
        if not any(fnmatch(entry.name, pattern) for pattern in ignored)
    }
    assert found == AT_THE_ROOT


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(ROOT)))
def test_what_others_may_have_made_is_opened_in_one_place(file: Path) -> None:
    """And nobody waits for a thread at the end. /proc, and what we make ourselves, is not others'."""
    opened = OPENING.findall(file.read_text())
    assert opened == [] or str(file.relative_to(ROOT)) in OPENS


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_index_of_the_internals_has_every_page() -> None:
    index = ROOT / "docs/internals/README.md"
    pages = {page.name for page in index.parent.glob("*.md")} - {index.name}
    assert set(re.findall(r"^\| \[[\w-]+\]\(([\w.-]+)\) \|", index.read_text(), re.MULTILINE)) == pages


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z0-9]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:`|^    )make ([a-z0-9]+)", page.read_text(), re.MULTILINE))
    assert named <= targets


def test_every_target_but_help_is_phony() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z0-9]+):", makefile, re.MULTILINE))
    assert targets == set(re.findall(r"^\.PHONY: ([a-z0-9]+)$", makefile, re.MULTILINE))


def test_the_configuration_of_the_readme_loads(tmp_path: Path) -> None:
    first, *further = blocks("toml")
    file = tmp_path / "lowatch.toml"
    file.write_text(first)
    (tmp_path / "lowatch.d").mkdir()
    for number, block in enumerate(further):
        (tmp_path / "lowatch.d" / f"{number}.toml").write_text(block)
    config = load(file)
    assert "shop.example.com" in config.policy.domains
    assert config.domains_from[0].path == "/etc/lowatch/names.d/*.txt"


def test_the_metrics_of_the_readme_exist() -> None:
    source = "".join(path.read_text() for path in (ROOT / "lowatch/report/metrics").glob("*.py"))
    [rules] = blocks("yaml")
    named = set(re.findall(r"\b(lo_orphan_vip|lowatch_[a-z_]+)", rules))
    assert named
    families = {name.removesuffix("_bucket") for name in named}
    assert {name for name in families if f'"{name}"' not in source} == set()


def test_dependencies_are_argued() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    argued = (ROOT / "docs/dependencies.md").read_text()
    [run_time] = re.findall(r"^dependencies = \[(.*?)^\]", project, re.DOTALL | re.MULTILINE)
    [extras] = re.findall(r"^\[project.optional-dependencies\](.*?)^\[", project, re.DOTALL | re.MULTILINE)
    for name in re.findall(r'"([a-z0-9-]+)[>=]', run_time + extras):
        assert f"[{name}](" in argued
