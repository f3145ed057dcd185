"""The versions of lowatch and its libraries, for lowatch_build_info."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from pathlib import Path

from lowatch import __version__
from lowatch.report.metrics.instruments import Build


def build() -> Build:
    return Build(__version__, platform.python_version(), installed("dnspython"), installed("pyroute2"))


def installed(package: str, folders: Sequence[str] | None = None) -> str:
    """The version of a package, by the name of its metadata; "" where it is not installed.

    NAME-VERSION.dist-info, as PyPA's "Recording installed projects" has it, or what setuptools made before
    that, NAME-VERSION-py3.11.egg-info. importlib.metadata would take 20 ms and 1.5 MiB.
    folders: sys.path unless others are given.
    """
    for folder in sys.path if folders is None else folders:
        for found in sorted(Path(folder).glob(f"{package}-*.*-info")):
            return found.stem.removeprefix(f"{package}-").partition("-")[0]
    return ""
