"""The Debian package, built once per session, with the distribution's own tools.

machine.copy(built_deb(), "/root/lowatch.deb")
machine.copy(built_deb(OLDER), "/root/older.deb")    # something to upgrade from
"""

from __future__ import annotations

import atexit
import re
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from tests.support.repository import ROOT

OLDER = "0.0.1"
"""A version that every real one upgrades."""


def built_deb(version: str | None = None) -> Path:
    """The package of this tree, uncommitted changes included; it takes four seconds, once.

    version: says that it is this one, and so does its `lowatch --version`; all else is the same.
    """
    return _built() if version is None else _renumbered(version)


@cache
def _built() -> Path:
    return Path(_run(ROOT / "scripts/deb", _directory()).strip())


@cache
def _renumbered(version: str) -> Path:
    tree = _directory() / version
    _run("dpkg-deb", "--raw-extract", _built(), tree)
    _replace(tree / "DEBIAN/control", "^Version: .*", f"Version: {version}")
    program = tree / "usr/lib/python3/dist-packages/lowatch/__init__.py"
    _replace(program, "^__version__ = .*", f'__version__ = "{version}"')
    (tree / "DEBIAN/md5sums").unlink()  # dpkg makes its own
    deb = _directory() / f"lowatch_{version}_all.deb"
    _run("dpkg-deb", "--root-owner-group", "--build", tree, deb)
    return deb


@cache
def _directory() -> Path:
    """Kept until the session ends: anyone may come and ask for the package."""
    directory = tempfile.mkdtemp(prefix="lowatch-deb-")
    atexit.register(shutil.rmtree, directory)
    return Path(directory)


def _run(*command: Path | str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _replace(file: Path, pattern: str, line: str) -> None:
    text, found = re.subn(pattern, line, file.read_text(), flags=re.MULTILINE)
    assert found == 1, file
    file.write_text(text)
