"""reference.toml documents every option, with its default: it is read, and compared with the code."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import lowatch.config
from lowatch.config.load import load
from lowatch.config.schema import SCHEMA
from lowatch.config.settings import Config
from lowatch.config.table_reader import KeySpec, Section, Sections
from lowatch.core.findings import FindingKind

REFERENCE = Path(lowatch.config.__file__).parent / "reference.toml"


def with_examples() -> str:
    """Options without a default are commented out, with no space after the #: prose has one."""
    return re.sub(r"^#(?=\S)", "", REFERENCE.read_text(), flags=re.MULTILINE)


def schema_keys(schema: Mapping[str, KeySpec], prefix: str = "") -> Iterator[str]:
    for key, shape in schema.items():
        yield prefix + key
        if isinstance(shape, Section | Sections):
            yield from schema_keys(shape.keys, f"{prefix}{key}.")


def written_keys(table: Mapping[str, object], prefix: str = "") -> Iterator[str]:
    for key, value in table.items():
        yield prefix + key
        for below in value if isinstance(value, list) else [value]:
            if isinstance(below, dict):
                yield from written_keys(below, f"{prefix}{key}.")


def test_it_says_the_defaults() -> None:
    assert load(REFERENCE) == Config()


def test_it_has_every_key_and_no_other() -> None:
    assert sorted(written_keys(tomllib.loads(with_examples()))) == sorted(schema_keys(SCHEMA))


APPENDED = ("domains_from", "zones", "domain", "acknowledge")


def test_only_what_has_no_default_is_commented_out() -> None:
    defaults = set(written_keys(tomllib.loads(REFERENCE.read_text())))
    optional = {key for key in schema_keys(SCHEMA) if key.split(".")[0] in APPENDED}
    assert set(schema_keys(SCHEMA)) - defaults == optional | {"dns.nameservers"}


def test_its_examples_load(tmp_path: Path) -> None:
    path = tmp_path / "lowatch.toml"
    path.write_text(with_examples())
    config = load(path)
    assert list(config.policy.domains) == ["shop.example.com"]
    assert [one.path for one in config.domains_from] == ["/etc/lowatch/names.d/*.txt"]
    assert [str(one.path) for one in config.zones] == ["/var/lib/unbound/corp.zone"]
    assert [str(one.server) for one in config.zones] == ["127.0.0.1"]
    assert len(config.policy.acknowledgements) == 1
    assert config.dns.nameservers is not None


@pytest.mark.parametrize("example", re.findall(r"^#   (\w.+)$", REFERENCE.read_text(), flags=re.MULTILINE))
def test_the_examples_in_its_prose_load(example: str, tmp_path: Path) -> None:
    path = tmp_path / "lowatch.toml"
    path.write_text(example)
    assert load(path) != Config()


def test_it_names_every_kind() -> None:
    [kinds] = re.findall(
        r"^# (orphan-vip,.*?)\.\n#kind = ", REFERENCE.read_text(), re.DOTALL | re.MULTILINE
    )
    assert set(re.findall(r"[a-z]+(?:-[a-z]+)+", kinds)) == {kind.value for kind in FindingKind}


def test_it_fits_a_terminal() -> None:
    assert max(map(len, REFERENCE.read_text().splitlines())) <= 100
