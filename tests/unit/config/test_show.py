from __future__ import annotations

from pathlib import Path

from lowatch.config.load import load
from lowatch.config.schema import Config
from lowatch.config.show import render

EVERYTHING = """\
interfaces = ["lo", "dummy*"]
ports = ["8443/tcp"]
hold = "1m30s"
domains = [
    "www.example.com",
    "api.example.com:443/tcp",
    "api.example.com:444/tcp",
    "dns.example.com:53/udp",
    "shop.example.com",
    "plain.example.com",
]
expect = ["192.0.2.10", "2001:db8::10"]
probe = "off"

[[domain]]
name = "shop.example.com"
ports = ["443/tcp", "443/udp"]
unit = "nginx.service"

[[domain]]
name = "plain.example.com"
unit = "haproxy.service"

[[acknowledge]]
kind = "arp-leak"
interface = "lo"
address = "192.0.2.0/24"
domain = "*.example.com"
port = "443/tcp"
until = 2027-01-31T11:22:33.000444+00:00
reason = "kept \\"until\\" the move"

[dns]
nameservers = ["192.0.2.53", "192.0.2.54:5353", "[2001:db8::53]:5353"]
timeout = "500ms"
max_qps = 50
min_ttl = "1s"
max_ttl = "30m"
unknown_after = "2h"

[web]
listen = []
telemetry_path = "/lowatch"
config_file = "/etc/lowatch/web.yml"
enable_reload = true

[journal]
enabled = false
"""


def test_what_it_shows_is_what_it_reads(tmp_path: Path) -> None:
    path = tmp_path / "lowatch.toml"
    path.write_text(EVERYTHING)
    assert render(load(path)) == EVERYTHING


def test_the_defaults_load_back(tmp_path: Path) -> None:
    path = tmp_path / "lowatch.toml"
    path.write_text(render(Config()))
    assert load(path) == Config()
