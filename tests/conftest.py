"""Fixtures for every test: `netns`, `sockets`, and the watch for things left behind."""

from hypothesis import HealthCheck, settings

# How long an example takes says what else runs on these two cores, `make oldest` in CI for one. What is
# set by default otherwise (CI has a profile of its own) stays.
settings.register_profile(
    "lowatch", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("lowatch")

pytest_plugins = [
    "pytester",
    "tests.support.sockets",
    "tests.support.netns",
    "tests.support.leaks",
]
