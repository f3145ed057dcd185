"""The configurations on docs/fleet.md are valid: unbound, Knot and lowatch say so."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from lowatch.config.load import load
from lowatch.config.settings import Nameserver, ZoneFile
from tests.support.repository import ROOT

PAGE = (ROOT / "docs/fleet.md").read_text()


def block(begins: str) -> str:
    """The indented block with a line that begins so."""
    blocks = re.findall(r"(?:^ {4}.*\n|^\n(?= {4}))+", PAGE, re.MULTILINE)
    [found] = [one for one in blocks if re.search(rf"^ +{begins}", one, re.MULTILINE)]
    return re.sub(r"^ {4}", "", found, flags=re.MULTILINE)


def test_unbound(tmp_path: Path) -> None:
    file = tmp_path / "unbound.conf"
    file.write_text(block("auth-zone:"))
    subprocess.run(["/usr/sbin/unbound-checkconf", str(file)], check=True, capture_output=True)


def test_knot(tmp_path: Path) -> None:
    file = tmp_path / "knot.conf"
    key = "key:\n  - id: transfer\n    algorithm: hmac-sha256\n    secret: c2VjcmV0\n"
    file.write_text(key + block("remote:"))
    done = subprocess.run(
        ["/usr/sbin/knotc", "-c", str(file), "conf-check"], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_lowatch(tmp_path: Path) -> None:
    [toml] = re.findall(r"^```toml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    file = tmp_path / "lowatch.toml"
    file.write_text(toml)
    assert load(file).zones == (ZoneFile(Path("/var/lib/unbound/corp.zone"), Nameserver("127.0.0.1")),)
