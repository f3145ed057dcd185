"""What this daemon is made of, for lowatch_build_info."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from lowatch import __version__
from lowatch.report.metrics_instruments import Build


def build() -> Build:
    """Takes 20 ms. pyroute2 is not needed, and usually not there."""
    return Build(__version__, platform.python_version(), _version("dnspython"), _version("pyroute2"))


def _version(package: str) -> str:
    """Nothing where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
