"""Runs the core of the suite on Debian's own interpreter and libraries: `make oldest`.

Those are the oldest versions that lowatch supports, on the oldest Debian that it does. Says which they
are, and refuses to run on any other: what pip installed beside them, for instance.
"""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import NamedTuple, NoReturn

from tests.support.repository import ROOT

DEBIANS = Path("/usr/lib/python3/dist-packages")
TOOLS = ("pytest", "hypothesis")
CORE = ("tests/unit", "tests/wire", "tests/property")
WITHOUT = (
    "tests/property/test_oracle.py",
    "tests/unit/kernel/*.py",
)
"""These wait for the kernel, and use no library. What is left is a minute's work for one core."""
_MODULES = {"dnspython": "dns", "pyyaml": "yaml", "prometheus-client": "prometheus_client"}
_PACKAGES = {"pyyaml": "python3-yaml"}


class Library(NamedTuple):
    """One that is installed here. location: the file that is imported. debian: its package's version."""

    name: str
    version: str
    location: Path
    package: str
    debian: str

    @property
    def is_debians(self) -> bool:
        """debian may have more to it than upstream's version: 1:0.14.0+dfsg-1.1~deb12u1."""
        upstream = re.sub(r"^\d+:|-[^-]+$|[+~].*", "", self.debian)
        return self.location.is_relative_to(DEBIANS) and upstream == self.version


def installed() -> Iterator[Library]:
    """Raises ImportError where one is missing."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    required = [re.split(r"[>=]", requirement)[0] for requirement in project["dependencies"]]
    for name in (*required, *TOOLS):
        module = importlib.import_module(_MODULES.get(name, name))
        assert module.__file__ is not None
        package = _PACKAGES.get(name, f"python3-{name}")
        yield Library(name, metadata.version(name), Path(module.__file__), package, debian_version(package))


def debian_version(package: str) -> str:
    """ "" where it is not installed."""
    query = ["dpkg-query", "--show", "--showformat=${Version}", package]
    return subprocess.run(query, capture_output=True, text=True, check=False).stdout


def refusals() -> Iterator[str]:
    """Prints what is going to be used; says what is not Debian's."""
    print(f"python {sys.version.split()[0]}, {sys.executable}")
    if sys.prefix != "/usr":
        yield f"{sys.executable} is not Debian's interpreter"
    for library in installed():
        print(f"{library.name} {library.version}, {library.package} {library.debian or 'missing'}")
        if not library.is_debians:
            yield f"{library.name} {library.version} in {library.location} is not {library.package}'s"


def main(arguments: list[str]) -> NoReturn:
    """Becomes pytest. Exits with 1 where a version is not Debian's."""
    wrong = list(refusals())
    if wrong:
        sys.exit("\n".join(f"oldest: {line}" for line in wrong))
    sys.stdout.flush()
    core = [*CORE, *(f"--ignore-glob={path}" for path in WITHOUT)]
    pytest = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *(arguments or core)]
    # Children of the tests run `python -m lowatch`, from wherever they are.
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONNOUSERSITE": "1"}
    os.execve(sys.executable, pytest, environment)


if __name__ == "__main__":
    main(sys.argv[1:])
