"""The Debian package: what it says of itself, what is in it, and what it does when it comes and goes.

(That it runs, is upgraded and purged in a booted system is the business of tests/service.)
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

import lowatch
from lowatch.config.load import load
from lowatch.config.settings import Config
from tests.support.package import OLDER, built_deb
from tests.support.repository import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OF_DEBIAN = {"pyyaml": "python3-yaml", "systemd-python": "python3-systemd"}
REQUIRED = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["systemd"]]
"""What is optional elsewhere always comes with the package."""


def field_of(unpacked: Path, name: str) -> str:
    """Of the package as it was unpacked."""
    [found] = re.findall(rf"^{name}: (.*)$", (unpacked / "DEBIAN/control").read_text(), re.MULTILINE)
    return str(found)


def field(deb: Path, name: str) -> str:
    return output("dpkg-deb", "--field", str(deb), name)


def output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_lintian_has_nothing_to_say(deb: Path) -> None:
    lint = ["lintian", "--allow-root", "--fail-on=error,warning", "--tag-display-limit=0", str(deb)]
    run = subprocess.run(lint, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (0, "")


# What it says.


def test_its_version_is_the_program_s(deb: Path) -> None:
    changelog = output(
        "dpkg-parsechangelog", "--file", str(ROOT / "debian/changelog"), "--show-field=Version"
    )
    assert (changelog, field(deb, "Version")) == (lowatch.__version__, lowatch.__version__)
    assert deb.name == f"lowatch_{lowatch.__version__}_all.deb"


def test_it_is_for_every_architecture(deb: Path) -> None:
    assert field(deb, "Architecture") == "all"


def dependencies(deb: Path) -> dict[str, str]:
    """The packages of Python libraries that it depends on, with the least version of each."""
    pairs = re.findall(r"(python3-[a-z0-9-]+)(?: \(>= (\S+)\))?", field(deb, "Depends"))
    return dict(pairs)


def test_it_depends_on_what_the_project_requires(deb: Path) -> None:
    required = (requirement.split(">=") for requirement in REQUIRED)
    assert dependencies(deb) == {OF_DEBIAN.get(name, f"python3-{name}"): least for name, least in required}


def imported(file: Path) -> Iterator[str]:
    """The top-level packages that a file imports by their absolute names."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


def test_it_requires_all_that_it_imports_and_no_more() -> None:
    files = (ROOT / "lowatch").rglob("*.py")
    others = {name for file in files for name in imported(file)} - sys.stdlib_module_names - {"lowatch"}
    distributions = metadata.packages_distributions()
    required = {requirement.split(">=")[0].replace("-", "_") for requirement in REQUIRED}
    names = {distributions[other][0].lower().replace("-", "_") for other in others}
    assert names == required


def test_it_needs_the_python_that_the_project_does(deb: Path) -> None:
    assert f"python3 ({PROJECT['requires-python'].replace('>=', '>= ')})" in field(deb, "Depends")


# What is in it.


SHIPPED = {
    "packaging/systemd/lowatch.service": "usr/lib/systemd/system/lowatch.service",
    "packaging/systemd/lowatch.socket": "usr/lib/systemd/system/lowatch.socket",
    "packaging/systemd/lowatch@.service": "usr/lib/systemd/system/lowatch@.service",
    "packaging/systemd/lowatch@.path": "usr/lib/systemd/system/lowatch@.path",
    "packaging/systemd/lowatch@.socket": "usr/lib/systemd/system/lowatch@.socket",
    "packaging/systemd/lowatch.service.d/ip-allow.conf.example": (
        "usr/share/doc/lowatch/examples/ip-allow.conf.example"
    ),
    "packaging/systemd/lowatch.service.d/trace.conf.example": (
        "usr/share/doc/lowatch/examples/trace.conf.example"
    ),
    "packaging/tmpfiles.d/lowatch-trace.conf": "usr/share/doc/lowatch/examples/lowatch-trace.conf",
    "packaging/sysusers.d/lowatch.conf": "usr/lib/sysusers.d/lowatch.conf",
    "packaging/catalog/lowatch.catalog": "usr/lib/systemd/catalog/lowatch.catalog",
    "packaging/prometheus/lowatch.rules.yml": "usr/share/lowatch/prometheus/lowatch.rules.yml",
    "packaging/prometheus/mixin/mixin.libsonnet": "usr/share/lowatch/prometheus/mixin/mixin.libsonnet",
    "packaging/grafana/lowatch.json": "usr/share/lowatch/grafana/lowatch.json",
    "packaging/completion/bash/lowatch": "usr/share/bash-completion/completions/lowatch",
    "packaging/completion/zsh/_lowatch": "usr/share/zsh/vendor-completions/_lowatch",
    "packaging/completion/fish/lowatch.fish": "usr/share/fish/vendor_completions.d/lowatch.fish",
    "debian/lowatch.toml": "etc/lowatch/lowatch.toml",
    "debian/lowatch.default": "etc/default/lowatch",
    "docs/alerts.md": "usr/share/doc/lowatch/alerts.md",
    "lowatch/config/reference.toml": "usr/share/doc/lowatch/examples/reference.toml",
}


def test_what_is_shipped_is_at_its_place(unpacked: Path) -> None:
    for source, place in SHIPPED.items():
        assert (unpacked / place).read_bytes() == (ROOT / source).read_bytes(), place


def test_pages_and_documents(unpacked: Path) -> None:
    share = unpacked / "usr/share"
    assert {page.name for page in (share / "man").rglob("*.gz")} == {"lowatch.8.gz", "lowatch.toml.5.gz"}
    documents = {path.name.removesuffix(".gz") for path in (share / "doc/lowatch").iterdir()}
    pages = {
        "README.md",
        "alerts.md",
        "clean.md",
        "configuration.md",
        "decisions.md",
        "findings.md",
        "fleet.md",
        "install.md",
        "limits.md",
        "metrics.md",
        "namespaces.md",
        "neighbours.md",
        "snapshots.md",
        "verify.md",
    }
    assert documents == pages | {"changelog", "changelog.Debian", "copyright", "examples"}


def test_the_pages_that_alerts_lead_to_are_there_as_they_are(unpacked: Path) -> None:
    documents = unpacked / "usr/share/doc/lowatch"
    text = (documents / "alerts.md").read_text()
    links = set(re.findall(r"\]\(([\w.-]+\.md)", text))
    assert links == {"configuration.md", "limits.md"}
    assert all((documents / link).exists() for link in links)


def test_every_module_of_ours_and_nothing_of_the_tests(unpacked: Path) -> None:
    modules = unpacked / "usr/lib/python3/dist-packages"
    ours = {file.relative_to(ROOT) for file in (ROOT / "lowatch").rglob("*.py")}
    assert {file.relative_to(modules) for file in modules.rglob("*.py")} == ours
    assert {path.name for path in modules.iterdir()} == {
        "lowatch",
        f"lowatch-{lowatch.__version__}.dist-info",
    }


def test_only_merged_directories(unpacked: Path) -> None:
    """Debian 13 has nothing in /lib and /bin any more."""
    assert {path.name for path in unpacked.iterdir()} == {"DEBIAN", "etc", "usr"}


def test_owners_and_modes(deb: Path) -> None:
    listed = [line.split() for line in output("dpkg-deb", "--contents", str(deb)).splitlines()]
    assert {owner for _, owner, *_ in listed} == {"root/root"}
    assert {mode for mode, *_ in listed if mode[0] == "d"} == {"drwxr-xr-x"}
    executable = [path for mode, _, _, _, _, path, *_ in listed if mode == "-rwxr-xr-x"]
    assert executable == ["./usr/bin/lowatch"]


def test_it_runs_on_debian_s_own_interpreter(unpacked: Path) -> None:
    program = unpacked / "usr/bin/lowatch"
    assert program.read_text().startswith("#!/usr/bin/python3\n")
    modules = unpacked / "usr/lib/python3/dist-packages"
    command = ["/usr/bin/env", "-i", f"PYTHONPATH={modules}", "/usr/bin/python3", str(program), "--version"]
    assert output(*command) == f"lowatch {lowatch.__version__}"


# The configuration that it begins with.


def test_conffiles(unpacked: Path) -> None:
    conffiles = (unpacked / "DEBIAN/conffiles").read_text().splitlines()
    assert conffiles == ["/etc/default/lowatch", "/etc/lowatch/lowatch.toml"]
    directories = {path.name for path in (unpacked / "etc/lowatch").iterdir() if path.is_dir()}
    assert directories == {"lowatch.d", "names.d"}


def test_the_configuration_changes_nothing(unpacked: Path) -> None:
    assert load(unpacked / "etc/lowatch/lowatch.toml") == Config()


def test_its_examples_are_valid_as_they_stand(unpacked: Path, tmp_path: Path) -> None:
    """Without the #, and without any file beside it."""
    text = (unpacked / "etc/lowatch/lowatch.toml").read_text()
    file = tmp_path / "lowatch.toml"
    file.write_text(re.sub(r"^#(?=\S)", "", text, flags=re.MULTILINE))
    said = subprocess.run(
        [sys.executable, "-m", "lowatch", "config", "check", "-c", file],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (said.returncode, said.stderr) == (0, "")
    config = load(file)
    assert "www.example.com" in config.policy.domains
    assert (len(config.policy.expect), len(config.policy.acknowledgements)) == (2, 1)


def test_its_user_is_made_before_the_service_is_started(unpacked: Path) -> None:
    after = script(unpacked, "postinst")
    assert 0 < after.index("systemd-sysusers") < after.index("deb-systemd-invoke")
    assert "systemd-sysusers" in field_of(unpacked, "Depends")


# When it comes and goes.


def script(unpacked: Path, name: str) -> str:
    return (unpacked / "DEBIAN" / name).read_text()


def test_the_service_is_enabled_and_started_and_the_socket_is_not(unpacked: Path) -> None:
    after = script(unpacked, "postinst")
    assert "deb-systemd-helper enable 'lowatch.service'" in after
    assert "deb-systemd-invoke $_dh_action 'lowatch.service'" in after
    assert not re.search(r"deb-systemd-invoke .*lowatch\.socket", after)
    # Only where an administrator had enabled it.
    assert "if deb-systemd-helper debian-installed 'lowatch.socket'; then" in after


def test_an_upgrade_stops_nothing_before_it_is_there(unpacked: Path) -> None:
    assert not (unpacked / "DEBIAN/preinst").exists()
    stops = re.findall(
        r'"\$1" = (\w+) \].*\n.*deb-systemd-invoke stop .?lowatch\.', script(unpacked, "prerm")
    )
    assert stops == ["remove", "remove"]


@pytest.mark.parametrize("how", ["remove", "upgrade", "purge"])
def test_only_a_purge_takes_the_state_along(how: str, unpacked: Path, tmp_path: Path) -> None:
    """The script, as dpkg runs it, with a /var/lib and an /etc/systemd/system of its own."""
    lib, units = tmp_path / "lib", tmp_path / "units"
    for directory in ("private/lowatch", "private/lowatch@blue", "private/other"):
        (lib / directory).mkdir(parents=True)
    (lib / "private/lowatch/state.json").touch()
    for name in ("lowatch", "lowatch@blue"):
        (lib / name).symlink_to(f"private/{name}")
    wanted = (
        "multi-user.target.wants/lowatch@blue.service",
        "lowatch@blue.service.wants/lowatch@blue.socket",
    )
    for link in (*wanted, "multi-user.target.wants/other.service"):
        (units / link).parent.mkdir(parents=True, exist_ok=True)
        (units / link).symlink_to("/nowhere")
    mounts = f"mount --bind {lib} /var/lib && mount --bind {units} /etc/systemd/system"
    here = f"{mounts} && sh -e {unpacked}/DEBIAN/postrm {how}"
    subprocess.run(["unshare", "--mount", "sh", "-ec", here], check=True)
    left = {str(path.relative_to(lib)) for path in lib.rglob("*")}
    left |= {str(path.relative_to(units)) for path in units.rglob("*")}
    state = {
        *("lowatch", "private/lowatch", "private/lowatch/state.json"),
        *("lowatch@blue", "private/lowatch@blue", *wanted, "lowatch@blue.service.wants"),
    }
    assert left & state == (set() if how == "purge" else state)
    assert {"private/other", "multi-user.target.wants/other.service"} <= left


# The tree it is built from.


def test_an_older_one_is_there_for_upgrades(deb: Path) -> None:
    older = built_deb(OLDER)
    assert field(older, "Version") == OLDER
    assert field(older, "Depends") == field(deb, "Depends")
    subprocess.run(["dpkg", "--compare-versions", OLDER, "lt", lowatch.__version__], check=True)


def test_building_left_the_tree_clean(deb: Path) -> None:
    assert not (ROOT / "debian/files").exists()
    assert not (ROOT / ".pybuild").exists()
