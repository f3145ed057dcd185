"""The short ways through names agree with the long ones, and no file of names surprises its reader."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lowatch.config.domain_names import is_plain, normalise, parse_domain
from lowatch.config.domains_from.file_sd import parse_file_sd_target
from lowatch.config.domains_from.file_sd_json import json_mentions
from lowatch.config.domains_from.file_sd_yaml import yaml_mentions
from lowatch.config.domains_from.problems import Problems
from lowatch.config.domains_from.text import line_mentions
from lowatch.config.mentions import (
    Mention,
    merge_mentions,
)
from lowatch.config.targets import (
    domain_target,
    parse_target,
    split_target,
)
from lowatch.core.addresses import Port
from lowatch.core.policy import Domain, DomainTable, is_srv_name

FILE = Path("names")

plain_names = st.from_regex(
    r"([a-z0-9_]([a-z0-9_-]{0,62}[a-z0-9_])?\.){0,5}[a-z0-9_-]([a-z0-9_-]{0,62}[a-z0-9_])?", fullmatch=True
)
near_names = st.lists(st.text(st.sampled_from("aZ09-_xf.:/ \u00fc\u3002\n"), max_size=66), max_size=6).map(
    ".".join
)
port_texts = st.sampled_from(["443", "443/tcp", "53/udp", "0", "65536", "0443", "http", "", "1/2", "٣"])
service_texts = st.sampled_from(["_xmpp._tcp.", "_SIP._udp.", "_443._tcp.", "_a.", ""])


@settings(deadline=None, max_examples=500)
@given(st.one_of(plain_names, near_names, st.text()))
@example("a" * 63 + ".example")
@example("a" * 64 + ".example")
@example(".".join(["a" * 63] * 3 + ["a" * 61]))
@example(".".join(["a" * 63] * 3 + ["a" * 62]))
@example("example.0x7f")
@example("1.2.3.4")
@example("a.example\n")
@example("a.example.")
def test_a_plain_name_is_what_the_long_way_makes_of_it(text: str) -> None:
    if is_plain(text):
        assert normalise(text) == text


@settings(deadline=None)
@given(service_texts, st.one_of(plain_names, near_names), st.one_of(st.none(), port_texts))
def test_a_target_is_what_the_long_way_makes_of_it(prefix: str, name: str, port: str | None) -> None:
    text = prefix + name if port is None else f"{prefix}{name}:{port}"
    assert outcome(parse_target, text) == outcome(lambda text: domain_target(*split_target(text)), text)


def outcome(parse: Any, text: str) -> object:
    try:
        return parse(text)
    except ValueError as error:
        return str(error)


ports = st.builds(Port, st.integers(1, 3), st.sampled_from(["tcp", "udp"]))
mentions = st.builds(
    Mention,
    st.sampled_from(["a.example", "b.example", "c.example", "_xmpp._tcp.example"]),
    st.lists(ports, max_size=3).map(tuple),
    st.sampled_from(["", "a.service", "b.service"]),
)


@given(st.lists(mentions), st.integers(0, 20), st.lists(ports, min_size=1, max_size=2).map(tuple))
def test_domains_are_all_that_was_said_of_them(
    said: list[Mention], split: int, default: tuple[Port, ...]
) -> None:
    """In one go or in two, and as one would say it at length."""
    expected = {name: _at_length(name, said, default) for name in dict.fromkeys(m.name for m in said)}
    table = merge_mentions(said, default)
    assert table == expected
    assert list(table.items()) == list(expected.items())
    first = merge_mentions(said[:split], default)
    again = merge_mentions(said[split:], default, first)
    assert again == table
    assert list(again) == list(table)
    assert first == merge_mentions(said[:split], default)
    assert DomainTable(dict(reversed(table.specs.items()))) == table


def _at_length(name: str, said: list[Mention], default: tuple[Port, ...]) -> Domain:
    own = dict.fromkeys(port for m in said if m.name == name for port in m.ports)
    unit = next((m.unit for m in reversed(said) if m.name == name and m.unit), "")
    if is_srv_name(name):
        return Domain(name, (), any_of=False, unit=unit)
    return Domain(name, tuple(own) or default, any_of=not own, unit=unit)


def checked(found: Iterator[Mention], problems: Problems) -> list[Mention]:
    every = list(found)
    for mention in every:
        assert parse_domain(mention.name) == mention.name
        assert not (is_srv_name(mention.name) and mention.ports)
    for error in problems.errors():
        assert str(error).isprintable()
    return every


@settings(deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=40), near_names.map(str.encode), st.just(b"\n"))))
def test_no_octets_surprise_the_reader_of_lines(parts: list[bytes]) -> None:
    problems = Problems()
    checked(line_mentions(FILE, b"".join(parts).splitlines(keepends=True), problems), problems)


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), plain_names),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.just("targets"), st.text(max_size=4)), inner, max_size=4),
    ),
    max_leaves=20,
)
target_texts = st.one_of(
    plain_names, near_names, plain_names.map("https://{}/x".format), plain_names.map("{}:443".format)
)
groups = st.fixed_dictionaries(
    {"targets": st.lists(st.one_of(target_texts, json_values), max_size=4)},
    optional={"labels": json_values, "x": json_values},
)


def read_at_length(document: Any) -> list[Mention]:
    found = []
    for group in document if isinstance(document, list) else []:
        targets = group.get("targets") if isinstance(group, dict) else None
        for target in targets if isinstance(targets, list) else []:
            mention = outcome(parse_file_sd_target, target) if isinstance(target, str) else None
            if isinstance(mention, Mention):
                found.append(mention)
    return found


@settings(deadline=None)
@given(
    st.one_of(json_values, st.lists(st.one_of(groups, json_values), max_size=4)), st.sampled_from([None, 1])
)
def test_json_group_by_group_reads_as_a_whole(document: Any, indent: int | None) -> None:
    text = json.dumps(document, indent=indent)
    problems = Problems()
    found = checked(json_mentions(FILE, text, problems), problems)
    assert found == read_at_length(document)
    for error in problems.errors():
        assert error.line is None or 1 <= error.line <= text.count("\n") + 1


@settings(deadline=None)
@given(st.lists(st.one_of(groups, json_values), min_size=1, max_size=4))
def test_yaml_event_by_event_reads_as_a_whole(document: list[Any]) -> None:
    """Strings alone are compared: what else YAML takes a scalar for, its events do not say."""
    text = yaml.safe_dump(only_strings(document), sort_keys=False, allow_unicode=True)
    problems = Problems()
    found = checked(yaml_mentions(FILE, text.encode(), problems), problems)
    assert found == read_at_length(yaml.safe_load(text))


def only_strings(value: Any) -> Any:
    """Copied, so that no anchors are written for what is one object."""
    if isinstance(value, list):
        return [only_strings(one) for one in value]
    if isinstance(value, dict):
        return {key: only_strings(one) for key, one in value.items()}
    return value if isinstance(value, str) else "-"


@settings(deadline=None)
@given(st.one_of(st.text(st.sampled_from('[]{}":,targets \n\\1-'), max_size=60), st.text(max_size=30)))
def test_no_text_surprises_the_readers_of_groups(text: str) -> None:
    """Up to where it breaks off, or goes on as nothing that a text could be."""
    for read in (
        lambda problems: json_mentions(FILE, text, problems),
        lambda problems: yaml_mentions(FILE, text.encode(), problems),
    ):
        problems = Problems()
        checked(read(problems), problems)
