"""The two parsers of DNS responses agree. `make fuzz` reads a million mutants with both."""

import subprocess
import sys

import pytest

from lowatch.wire.dns import Reply, failure
from tests.fuzz_dns.compare import Account
from tests.fuzz_dns.seeds import captured
from tests.support.repository import ROOT


def test_it_runs() -> None:
    command = [sys.executable, "-m", "tests.fuzz_dns", "--messages", "500", "--seed", "7"]
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=60)
    assert (run.returncode, run.stderr) == (0, ""), run.stdout
    assert "500 mutants of " in run.stdout
    assert " 0 wrong, " in run.stdout


def test_it_sees_when_the_parsers_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    def misread(message: bytes) -> Reply:
        return failure("SERVFAIL", "SERVFAIL")

    monkeypatch.setattr("tests.fuzz_dns.compare.parse_full", misread)
    account = Account()
    account.take(one.seed for one in captured())
    assert account.lean
    assert len([line for line in account.wrong if "\n  lean " in line]) == account.lean
