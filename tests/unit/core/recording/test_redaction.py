from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from random import Random
from typing import Any

import pytest

from lowatch.core.held import Link
from lowatch.core.known import Known
from lowatch.core.policy import Acknowledgement, Policy
from lowatch.core.recording import record_codec
from lowatch.core.recording.parse import parse_recording
from lowatch.core.recording.record_codec import codec_of
from lowatch.core.recording.recording import Recording
from lowatch.core.recording.redaction import redacted
from lowatch.report.recording import render_recording
from tests.unit.core.recording import samples

from .samples import MAIL, WWW, recording, sample

KEY = b"secret"


def test_nothing_of_the_host_is_left() -> None:
    text = render_recording(redacted(recording(), KEY)).decode()
    for secret in (WWW, MAIL, "web-17", "192.0.2.10", "2001:db8", "nginx", "lo:vip"):
        assert secret in render_recording(recording()).decode()
        assert secret not in text.replace('"known":', "")
    assert re.search(r'"unit": "unit\d\.service"', text)


def test_a_network_namespace() -> None:
    there = replace(recording(), snapshot=replace(recording().snapshot, netns="/proc/7/ns/net"))
    assert redacted(there, KEY).snapshot.netns == "netns1"
    assert redacted(recording(), KEY).snapshot.netns == ""


def test_the_same_key_maps_the_same_way_and_says_so() -> None:
    one, again, other = (redacted(recording(), key) for key in (KEY, KEY, b"another"))
    assert one == again
    assert one.redaction == again.redaction != other.redaction
    assert one.snapshot.held != other.snapshot.held
    assert parse_recording(render_recording(one)) == one


def test_no_text_is_left_whatever_the_type(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of a type that is added later, unless a table says that it may stay."""
    monkeypatch.setitem(samples.ATOMS, str, lambda _: "s3cr3t")
    monkeypatch.setitem(samples.ATOMS, int, lambda _: 0)
    monkeypatch.setattr(record_codec, "CHECKS", {})
    record_codec.codec_of.cache_clear()
    try:
        for seed in range(100):
            value: Recording = sample(Recording, Random(seed))
            left = set(members_with("s3cr3t", codec_of(Recording).encode(redacted(value, KEY))))
            kept = {"lowatch", "made_with", "source", "kind", "flags", "special", "protocol", "wildcards"}
            assert left <= kept, left - kept
    finally:
        record_codec.codec_of.cache_clear()


def test_the_same_member_of_any_class_is_mapped_the_same_way() -> None:
    hidden = redacted(recording(), KEY)
    names = {one.answer.domain for one in hidden.snapshot.domains.values()}
    assert names == set(hidden.policy.domains) == {"n1.n2.n3", "n4.n2.n3"}
    assert isinstance(hidden.snapshot.held, Known)
    assert {one.interface for one in hidden.snapshot.held.value} == {"lo"}


def members_with(text: str, plain: Any, member: str = "") -> Iterator[str]:
    """The innermost member of each text that contains this one."""
    if isinstance(plain, dict):
        for name, value in plain.items():
            yield from [f"a key of {member}"] if text in name else ()
            yield from members_with(text, value, name)
    elif isinstance(plain, list):
        for value in plain:
            yield from members_with(text, value, member)
    elif isinstance(plain, str) and text in plain:
        yield member


ON = ("lo", "dummy-acme", "dummy-b")


@pytest.mark.parametrize(
    ("globs", "matching"),
    [
        ({"domain": "*.example.com"}, {WWW, MAIL}),
        ({"domain": "*"}, {WWW, MAIL}),
        ({"domain": "w*.example.com"}, {WWW}),
        ({"domain": "?ail.*"}, {MAIL}),
        ({"domain": "[wm]*"}, {WWW, MAIL}),
        ({"domain": WWW}, {WWW}),
        ({"domain": "shop.*"}, set()),
        ({"interface": "dummy-*"}, {"dummy-acme", "dummy-b"}),
        ({"interface": "*"}, {*ON}),
        ({"interface": "lo"}, {"lo"}),
    ],
)
def test_a_glob_matches_what_it_matched(globs: dict[str, Any], matching: set[str]) -> None:
    plain = recording()
    links = Known(tuple(Link(number, name, up=True) for number, name in enumerate(ON)))
    acknowledgements = (Acknowledgement(4e9, "on purpose", **globs),)
    plain = replace(
        plain,
        snapshot=replace(plain.snapshot, links=links),
        policy=replace(plain.policy, acknowledgements=acknowledgements, interfaces=("lo", "dummy*")),
    )
    hidden = redacted(plain, KEY)
    names = dict(zip(plain.snapshot.domains, hidden.snapshot.domains, strict=True))
    assert isinstance(hidden.snapshot.links, Known)
    names |= {old: new.name for old, new in zip(ON, hidden.snapshot.links.value, strict=True)}
    [field] = globs
    found = {old for old, new in names.items() if _accepts(hidden.policy, field, new)}
    assert found & ({*plain.snapshot.domains} if field == "domain" else {*ON}) == matching
    assert {name for name in ON if hidden.policy.watches(names[name])} == {*ON}


def _accepts(policy: Policy, field: str, text: str) -> bool:
    return any(fnmatchcase(text, getattr(one, field)) for one in policy.acknowledgements)
