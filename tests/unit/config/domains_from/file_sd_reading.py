"""Groups of file_sd_config, read from JSON and from YAML."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lowatch.config.domains_from.file_sd_json import json_mentions
from lowatch.config.domains_from.file_sd_yaml import yaml_mentions
from lowatch.config.domains_from.problems import Problems
from lowatch.config.mentions import Mention
from lowatch.core.addresses import Port

FILE = Path("targets")
HTTP, HTTPS, ALTERNATE = Port(80, "tcp"), Port(443, "tcp"), Port(8443, "tcp")

Read = Callable[[str], tuple[list[Mention], list[str]]]


def read_json(text: str) -> tuple[list[Mention], list[str]]:
    problems = Problems()
    mentions = list(json_mentions(FILE, text, problems))
    return mentions, [str(error) for error in problems.errors()]


def read_yaml(text: str) -> tuple[list[Mention], list[str]]:
    problems = Problems()
    mentions = list(yaml_mentions(FILE, text.encode(), problems))
    return mentions, [str(error) for error in problems.errors()]


GROUPS = [
    {"targets": ["www.example.com:443", "https://api.example.com"], "labels": {"targets": "x", "n": "1"}},
    {"labels": {}, "targets": []},
    {"targets": ["www.example.com"], "source": [{"deep": ["er"]}]},
]
MENTIONS = [
    Mention("www.example.com", (HTTPS,)),
    Mention("api.example.com", (HTTPS,)),
    Mention("www.example.com"),
]
