from __future__ import annotations

from pathlib import Path

from lowatch.config.load import load
from lowatch.config.settings import Config
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
    "shop.example.com:443/tcp",
    "shop.example.com:443/udp",
    "plain.example.com",
    "_xmpp._tcp.example.com",
]
expect = ["192.0.2.10", "2001:db8::10"]
probe = "off"

[[zones]]
file = "/var/lib/unbound/corp.zone"
server = "[::1]:5353"

[[zones]]
file = "/var/lib/unbound/other [1].zone"

[[acknowledge]]
kind = "arp-leak"
interface = "lo"
address = "192.0.2.0/24"
domain = "*.example.com"
port = "443/tcp"
until = 2027-01-31T11:22:33.000444+00:00
reason = "kept \\"until\\" the move"

[dns]
nameservers = ["192.0.2.53", "192.0.2.54:5353", "tls://[2001:db8::53]:5353#dns.example.com"]
timeout = "500ms"
max_qps = 50
min_ttl = "1s"
max_ttl = "30m"
unknown_after = "2h"
far_ttl = "3h"

[names]
learn = ["dnstap", "resolved"]
forget_after = "12h"

[victims]
at_least = 5
within = "1m"

[web]
listen = []
telemetry_path = "/lowatch"
hosts = ["lowatch.example.com", "*.corp.example.com"]
enable_reload = true

[journal]
enabled = false
"""


def test_what_it_shows_is_what_it_reads(tmp_path: Path) -> None:
    path = tmp_path / "lowatch.toml"
    path.write_text(EVERYTHING)
    assert render(load(path)) == EVERYTHING


def test_names_from_files_are_counted(tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("a.example\nb.example 443\nnamed.example 443\n")
    (tmp_path / "none.json").write_text("[]")
    path = tmp_path / "lowatch.toml"
    path.write_text(
        'domains = ["named.example:8443"]\n'
        '[[domains_from]]\npath = "*.json"\n[[domains_from]]\npath = "names.txt"'
    )
    config = load(path)
    shown = render(config)
    assert 'domains = ["named.example:8443/tcp"]\n' in shown
    assert f'[[domains_from]]\npath = "{tmp_path}/*.json"\n# 0 domains in 1 file\n' in shown
    assert f'[[domains_from]]\npath = "{names}"\n# 3 domains in 1 file\n' in shown
    elsewhere = tmp_path / "shown"
    elsewhere.mkdir()
    (elsewhere / "lowatch.toml").write_text(shown)
    assert load(elsewhere / "lowatch.toml") == config


def test_the_defaults_load_back(tmp_path: Path) -> None:
    path = tmp_path / "lowatch.toml"
    path.write_text(render(Config()))
    assert load(path) == Config()
