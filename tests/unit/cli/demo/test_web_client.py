"""The demo's program: its name, and what it says."""

from __future__ import annotations

import subprocess

from lowatch.cli.demo.stage import python
from lowatch.cli.demo.web_client import fetch
from tests.support.netns import Netns


def test_refused(netns: Netns) -> None:
    assert fetch("127.0.0.1", 80) == "Connection refused"


def test_served(netns: Netns) -> None:
    command = python("lowatch.cli.demo.web_server", "127.0.0.1", "80")
    with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"listening\n"
        assert fetch("127.0.0.1", 80) == "200"
        server.kill()


def test_a_name_that_nobody_knows() -> None:
    assert fetch("no such name", 80) in (
        "Name or service not known",
        "Temporary failure in name resolution",
    )
