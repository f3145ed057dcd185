"""`lowatch check`, in process and in the calling thread's namespaces, through an injected environment."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from lowatch import wiring
from lowatch.cli.environment import Environment
from lowatch.cli.main import main
from tests.support.netns import Netns


class CommandResult(NamedTuple):
    """How a command ended: its exit code, and what it wrote."""

    code: int
    stdout: str
    stderr: str


class Checked(NamedTuple):
    """code: the exit code. report: what `--format json` prints, parsed."""

    code: int
    report: dict[str, Any]

    def findings(self, kind: str | None = None) -> list[dict[str, Any]]:
        return [row for row in self.report["findings"] if kind in (None, row["kind"])]

    def finding(self, kind: str) -> dict[str, Any]:
        """The only one of its kind."""
        (found,) = self.findings(kind)
        return found

    def kinds(self) -> dict[str, int]:
        """How many of each kind."""
        summary: dict[str, int] = self.report["summary"]
        return summary

    def endpoints(self, domain: str) -> dict[int, dict[str, Any]]:
        """By port, of a domain that has one address here."""
        rows = [row for row in self.report["endpoints"] if row["domain"] == domain]
        by_port = {row["port"]: row for row in rows}
        assert len(by_port) == len(rows), rows
        return by_port

    def verdict(self, domain: str, port: int = 80) -> str:
        verdict: str = self.endpoints(domain)[port]["verdict"]
        return verdict

    def held(self, interface: str) -> list[dict[str, Any]]:
        """What is held on an interface, 127.0.0.0/8 and ::1 excepted."""
        rows = [row for row in self.report["held"] if row["interface"] == interface]
        return [row for row in rows if not row["address"].startswith("127.") and row["address"] != "::1"]


def lowatch(*arguments: str, variables: Mapping[str, str] | None = None) -> CommandResult:
    """Run a command as the shell would. variables: of its environment."""
    stdout, stderr = io.StringIO(), io.StringIO()
    environment = Environment(stdout, stderr, (variables or {}).get, lambda: wiring)
    code = main(arguments, environment)
    return CommandResult(code, stdout.getvalue(), stderr.getvalue())


def check(directory: Path, configuration: str, *arguments: str) -> Checked:
    """`lowatch check --format json` with that configuration."""
    file = directory / "lowatch.toml"
    file.write_text(configuration)
    code, stdout, stderr = lowatch("check", "-c", str(file), "--format", "json", *arguments)
    assert not stderr, stderr
    return Checked(code, json.loads(stdout))


def mend(netns: Netns, fix: list[str]) -> None:
    """Run a finding's commands, as a person would paste them."""
    for command in fix:
        netns.run("sh", "-ec", command)


def each_fix(findings: list[dict[str, Any]]) -> Iterator[str]:
    """Each command once: findings that differ in the port have the same fix."""
    yield from dict.fromkeys(command for finding in findings for command in finding["fix"])
