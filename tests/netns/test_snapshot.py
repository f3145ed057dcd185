"""`lowatch snapshot` on a real kernel: what it records is judged as the host itself was."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.checking import CommandResult, check, lowatch
from tests.support.daemon import Daemon, configuration
from tests.support.dns_server import Knot
from tests.support.netns import Netns

WWW, SHOP, FAR = "www.example.com", "shop.example.com", "far.example.com"
ZONE = "www A 192.0.2.10\nshop A 192.0.2.20\nshop AAAA 2001:db8::20\nfar A 198.51.100.7"
VERDICTS = ("domain", "address", "interface", "port", "verdict")
FINDINGS = ("kind", "state", "address", "domain", "port", "message", "fix")


def prepare(netns: Netns) -> None:
    """www is served. shop is dead on both of its addresses, and 192.0.2.30 is idle."""
    for address in ("192.0.2.10/32", "192.0.2.20/24", "192.0.2.30/32", "2001:db8::20/128"):
        netns.ip(f"addr add {address} dev lo nodad" if ":" in address else f"addr add {address} dev lo")
    netns.listener("192.0.2.10", 80)


def settings(knot: Knot, top: str = "") -> str:
    return configuration(
        knot, dns='timeout = "10s"', top=f'{top}\ndomains = ["{WWW}", "{SHOP}:80", "{FAR}"]'
    )


def said(report: dict[str, Any], *, without_texts: bool = False) -> Any:
    """What is the same of one audit and the next."""
    keys = tuple(key for key in FINDINGS if not (without_texts and key in ("message", "fix")))
    return (
        [[row[key] for key in VERDICTS] for row in report["endpoints"]],
        [[row[key] for key in keys] for row in report["findings"]],
        (report["host"], report["complete"], report["summary"]),
        [row["address"] for row in report["held"]],
    )


def replayed(path: Path) -> CommandResult:
    return lowatch("check", "--snapshot", str(path), "--format", "json")


def test_replayed_as_live_and_redacted_too(netns: Netns, tmp_path: Path) -> None:
    prepare(netns)
    plain, hidden = tmp_path / "plain.json", tmp_path / "hidden.json"
    with Knot({"example.com": ZONE}) as knot:
        live = check(tmp_path, settings(knot))
        file = str(tmp_path / "lowatch.toml")
        assert lowatch("snapshot", "-c", file, "-o", str(plain)) == (0, "", "")
        assert lowatch("snapshot", "-c", file, "-o", str(hidden), "--redact") == (0, "", "")
        same = lowatch("diff", str(plain), "-c", file)
        netns.listener("192.0.2.20", 80)
        different = lowatch("diff", str(plain), "-c", file)
    assert live.kinds() == {"idle-vip": 1, "orphan-vip": 2, "wide-prefix": 1}
    code, stdout, stderr = replayed(plain)
    assert (code, stderr) == (live.code, "")
    assert said(json.loads(stdout)) == said(live.report)
    assert same.code == 0, same.stdout
    assert different.code == 1
    assert f"~ endpoint {SHOP} 192.0.2.20 80/tcp on lo: orphan -> served by" in different.stdout

    code, stdout, stderr = replayed(hidden)
    report = json.loads(stdout)
    assert (code, stderr) == (live.code, "")
    assert report["summary"] == live.report["summary"]
    verdicts = [sorted(row["verdict"] for row in one["endpoints"]) for one in (report, live.report)]
    assert verdicts[0] == verdicts[1]
    fixes = [
        sorted((row["kind"], len(row["fix"])) for row in one["findings"]) for one in (report, live.report)
    ]
    assert fixes[0] == fixes[1]
    for secret in ("example", "shop", "192.0.2.10", "192.0.2.20", "2001:db8::20", live.report["host"]):
        assert secret not in hidden.read_text()


@pytest.mark.parametrize("target", [WWW, SHOP, FAR, "192.0.2.20:80", f"{SHOP}:80"])
def test_explained_as_live(netns: Netns, tmp_path: Path, target: str) -> None:
    """But for the time, and for names that an explanation of one domain leaves out."""
    prepare(netns)
    with Knot({"example.com": ZONE}) as knot:
        (tmp_path / "lowatch.toml").write_text(settings(knot))
        file, path = str(tmp_path / "lowatch.toml"), str(tmp_path / "a.json")
        live = lowatch("explain", "-c", file, target)
        assert lowatch("snapshot", "-c", file, "-o", path).code == 0
    code, stdout, stderr = lowatch("explain", "--snapshot", path, target)
    assert (code, stderr) == (0, "")
    assert evidence(stdout) == evidence(live.stdout)


def evidence(text: str) -> list[str]:
    """The lines on routes, addresses and ports, without ages, which are rounded, and unrecorded tables."""
    rows = [line.partition(", for ")[0].partition(", table ")[0] for line in text.splitlines()]
    return [row for row in rows if row.startswith(("  route", "  held", "  80/tcp", "  443/tcp", "  dns "))]


def test_the_daemons_last_audit(netns: Netns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    prepare(netns)
    with Knot({"example.com": ZONE}) as knot, Daemon(tmp_path, settings(knot, 'hold = "0s"')) as daemon:
        daemon.until(lambda: len(daemon.announced("orphan-vip")) == 2)
        command = [sys.executable, "-m", "lowatch", "snapshot", "--daemon"]
        run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (run.returncode, run.stderr) == (0, "")
        shown = daemon.audit()
    path = tmp_path / "a.json"
    path.write_text(run.stdout)
    code, stdout, stderr = replayed(path)
    assert (code, stderr) == (1, "")
    assert said(json.loads(stdout), without_texts=True) == said(shown, without_texts=True)
    explained = lowatch("explain", "--snapshot", str(path), SHOP)
    assert "local: 192.0.2.20/32 on lo" in explained.stdout
