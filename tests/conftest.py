"""Fixtures for every test: `netns`, `sockets`, and the watch for things left behind."""

pytest_plugins = [
    "pytester",
    "tests.support.sockets",
    "tests.support.netns",
    "tests.support.leaks",
]
