"""Host prefixes in BIRD's files."""

from __future__ import annotations

from pathlib import Path

from lowatch.boot.bird import read
from tests.unit.boot.reading import rows, unread

FILE = "/etc/bird/bird.conf"


def test_host_prefixes_are_named_not_added(tmp_path: Path) -> None:
    text = (
        "router id 192.0.2.1; # 192.0.2.2/32\n"
        "/* 192.0.2.3/32\n   192.0.2.4/32 */ define VIPS = [ 192.0.2.10/32, 2001:db8::10/128 ];\n"
        "protocol static {\n"
        "  route 192.0.2.11/32 blackhole; route 198.51.100.0/24 via 192.0.2.1;\n"
        "}\n"
        'log "/* "; define X = 192.0.2.12/32;\n'
        'include "/etc/bird.d/*.conf";\n'
        "/* never closed 192.0.2.5/32\n"
    )
    files = {FILE: text, "/etc/bird.d/anycast-prefixes.conf": "define ACAST = [\n 192.0.2.20/32\n];\n"}
    assert rows(read, tmp_path, files) == [
        f"192.0.2.10/32 - {FILE}:3 names",
        f"2001:db8::10/128 - {FILE}:3 names",
        f"192.0.2.11/32 - {FILE}:5 names",
        f"192.0.2.12/32 - {FILE}:7 names",
        "192.0.2.20/32 - /etc/bird.d/anycast-prefixes.conf:2 names",
    ]


def test_a_file_of_comments_takes_no_longer_than_another(tmp_path: Path) -> None:
    text = "/*" * 1_000_000 + '"' + "#" * 1_000_000
    assert rows(read, tmp_path, {FILE: text}) == []


def test_a_file_that_includes_itself(tmp_path: Path) -> None:
    text = 'include "bird.conf"\ndefine X = 192.0.2.1/32;\n'
    assert rows(read, tmp_path, {FILE: text}) == [f"192.0.2.1/32 - {FILE}:2 names"]


def test_a_file_that_is_included_too_deeply_is_named(tmp_path: Path) -> None:
    files = {FILE: 'include "1.conf"'} | {
        f"/etc/bird/{number}.conf": f'include "{number + 1}.conf"' for number in range(1, 12)
    }
    assert unread(read, tmp_path, files) == ["/etc/bird/9.conf:0 is included too deeply"]
