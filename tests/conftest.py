"""Fixtures for every test: `netns`, `sockets`, and the watch for things left behind."""

import os

from hypothesis import HealthCheck, settings

# How long an example takes depends on what else runs on these two cores. In CI the examples are always the
# same: no change may fail by a fault that it did not bring.
settings.register_profile(
    "lowatch",
    settings(),
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("lowatch")

pytest_plugins = [
    "pytester",
    "tests.support.sockets",
    "tests.support.netns",
    "tests.support.leaks",
]
