"""The demo's web server."""

from __future__ import annotations

import subprocess
import sys
import urllib.request

from tests.support.netns import Netns


def test_it_answers_once_it_says_that_it_listens(netns: Netns) -> None:
    netns.ip("link set lo up")
    command = [sys.executable, "-m", "lowatch.cli.demo.web_server", "127.0.0.1", "8080"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline() == "listening\n"
            with urllib.request.urlopen("http://127.0.0.1:8080/", timeout=30) as response:
                assert response.read() == b"The shop is open.\n"
        finally:
            server.kill()
