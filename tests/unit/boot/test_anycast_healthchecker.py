"""anycast-healthchecker's checks."""

from __future__ import annotations

from pathlib import Path

from lowatch.boot.anycast_healthchecker import MAIN, read
from tests.unit.boot.reading import rows, unread

CHECK = "/etc/anycast-healthchecker.d/www.conf"


def test_each_check_names_an_address(tmp_path: Path) -> None:
    files = {
        MAIN: "[DEFAULT]\ninterface = lo\n[daemon]\npidfile = /run/x\n[dns]\nip_prefix: 2001:db8::10/128\n",
        CHECK: "[www]\ncheck_cmd = curl\n; ip_prefix = 192.0.2.9/32\nip_prefix = 192.0.2.10/32\n",
        "/etc/anycast-healthchecker.d/www.conf.old": "[www]\nip_prefix = 192.0.2.8/32\n",
    }
    assert rows(read, tmp_path, files) == [
        f"2001:db8::10/128 - {MAIN}:6 names",
        f"192.0.2.10/32 - {CHECK}:4 names",
    ]


def test_what_is_not_understood_is_reported(tmp_path: Path) -> None:
    assert unread(read, tmp_path, {CHECK: "[a]\nip_prefix = %(vip)s\n"}) == [
        f"{CHECK}:2 %(vip)s is not an address"
    ]
