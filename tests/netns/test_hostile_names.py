"""Names that somebody else chose: of files, of interfaces. None moves a cursor or starts a line."""

import signal
from pathlib import Path

from tests.support.checking import lowatch
from tests.support.daemon import Daemon, configuration
from tests.support.dns_server import Knot
from tests.support.netns import Netns

WWW = "www.example.com"
FORGED = "2026-11-28 03:00:00,000 ERROR lowatch: forged"
EVIL = f"a\x1b[2J\u202e\u2028\r\n{FORGED}.txt"
ESCAPED = r"a\x1b[2J\u202e\u2028\x0d\x0a" + f"{FORGED}.txt"


def is_harmless(text: str) -> bool:
    """Printable ASCII in lines, none of which the file's name has begun."""
    return set(text) <= {"\n", *map(chr, range(32, 127))} and not any(
        line.startswith(FORGED) for line in text.split("\n")
    )


def test_a_files_name_shows_as_it_is_and_forges_nothing(netns: Netns, tmp_path: Path) -> None:
    folder = tmp_path / "names.d"
    folder.mkdir()
    (folder / EVIL).write_text("not/a/domain\n")
    tables = f'[[domains_from]]\npath = "{folder}/*"'
    with Knot({"example.com": "www A 192.0.2.10"}) as knot:
        settings = configuration(knot, f'domains = ["{WWW}:80"]', tables=tables)
        with Daemon(tmp_path, settings) as daemon:
            daemon.signal(signal.SIGHUP)
            daemon.until(lambda: "configuration reloaded" in daemon.log)
            pages = [daemon.get(path).body for path in ("/", "/metrics", "/api/v1/audit")]
            log = daemon.log
        outcomes = [
            lowatch("check", "-c", str(daemon.file)),
            lowatch("check", "-c", str(daemon.file), "--format", "json"),
            lowatch("config", "check", "-c", str(daemon.file)),
            lowatch("config", "show", "-c", str(daemon.file)),
            lowatch("explain", "-c", str(folder / EVIL), WWW),
            lowatch("check", "-c", str(folder / f"{EVIL}.toml")),
            lowatch("status", "--socket", str(folder / EVIL)),
        ]
    assert ESCAPED in log
    for text in [log, *pages, *(text for outcome in outcomes for text in outcome[1:])]:
        assert is_harmless(text), ascii(text)
    assert any(ESCAPED in " ".join(outcome.stdout.split()) for outcome in outcomes)
    assert any(ESCAPED in outcome.stderr for outcome in outcomes)


def test_so_does_an_interfaces(netns: Netns, tmp_path: Path) -> None:
    evil = "x\x1b[2J\u202ey"
    netns.run("ip", "link", "add", evil, "type", "veth", "peer", "name", "other")
    netns.run("ip", "link", "set", evil, "up")
    netns.run("ip", "addr", "add", "192.0.2.10/32", "dev", evil)
    with Knot({"example.com": "www A 192.0.2.10"}) as knot:
        settings = configuration(knot, f'interfaces = ["x*"]\nhold = "0s"\ndomains = ["{WWW}:80"]')
        with Daemon(tmp_path, settings) as daemon:
            daemon.until(lambda: daemon.announced("orphan-vip") == ["firing"])
            texts = [daemon.get(path).body for path in ("/", "/metrics", "/api/v1/audit")]
            texts.append(daemon.log)
        texts += [
            lowatch("check", "-c", str(daemon.file)).stdout,
            lowatch("check", "-c", str(daemon.file), "--format", "prometheus").stdout,
            lowatch("explain", "-c", str(daemon.file), WWW).stdout,
        ]
    for text in texts:
        assert is_harmless(text), ascii(text)
    assert r"x\x1b[2J\u202ey" in texts[-1]
