"""The central promise, over random hosts and random failures to observe them.

What is found in spite of failures is found without them as well; and what is no longer found because of
them is undecided, and so stays as it was.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

from lowatch.core.addresses import Address, Port, family_name, format_address, parse_address
from lowatch.core.answers import View
from lowatch.core.findings import FindingKind
from lowatch.core.judgement import Judgement
from lowatch.core.policy import Policy
from lowatch.core.verdicts import Verdict
from lowatch.core.views import addresses_of
from tests.unit.app.scripted import (
    Watch,
    World,
    at,
    holds,
    listens,
    policy_of,
    resolves,
    seen_as,
    serves,
)

VIPS = [parse_address(text) for text in ("192.0.2.10", "192.0.2.11", "2001:db8::10")]
STUB = parse_address("192.0.2.53")
ADDRESSES = [*VIPS, STUB]
ENDPOINTS = [at(vip, port) for vip in ADDRESSES for port in ("80", "443", "53/udp")]
HOLDINGS = [
    *(holds(f"{format_address(vip)}/{len(vip) * 8}") for vip in ADDRESSES),
    holds("192.0.2.1/24"),
    holds("192.0.2.0/28", "route"),
    holds("192.0.2.11/32", "route"),
    holds("2001:db8::1/64"),
]
NAMES = ["any.example.com", "all.example.com", "ns.example.com"]
SILENT = {Verdict.UNUSED, Verdict.REDIRECTED}
"""The silent sibling of a served port is not probed; what another domain's probe met there shows."""

POLICY: Policy = policy_of(
    serves("80 443", NAMES[0], any_of=True),
    serves("80 443", NAMES[1], any_of=False),
    serves("53/udp", NAMES[2]),
    expect=(VIPS[0], VIPS[2]),
)

T = TypeVar("T")


def some(of: Iterable[T]) -> st.SearchStrategy[set[T]]:
    return st.sets(st.sampled_from(list(of)))


UNHEARD = (View.DNS, "timed out")
Answers = dict[str, list[Address]]
answers: st.SearchStrategy[Answers] = st.fixed_dictionaries(
    {name: st.lists(st.sampled_from(ADDRESSES), unique=True, max_size=3) for name in NAMES}
)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    full = draw(some(ENDPOINTS))
    said = {name: resolves(name, *found) for name, found in draw(answers).items()}
    for name, answer in said.items():
        beside = draw(st.lists(st.sampled_from(ADDRESSES), unique=True, max_size=2) | st.none())
        if beside is not None:
            said[name] = seen_as(answer, (View.DNS, beside), view=View.HOSTS)
    return World(
        held=draw(some(HOLDINGS)),
        routed_away=draw(some(VIPS[:1])),
        serving={endpoint: listens(endpoint, full=endpoint in full) for endpoint in draw(some(ENDPOINTS))},
        redirected=draw(some(ENDPOINTS)),
        bound=frozenset(draw(some(ADDRESSES))),
        answers=said,
        lo_up=draw(st.booleans()),
        stub=frozenset({STUB}),
    )


@st.composite
def failures(draw: st.DrawFn) -> World:
    """The fields of a World that keep it from being seen; "answers": what DNS does not say.

    An answer with another view: that is not to be had either.
    """
    silent = {
        name: dict.fromkeys(draw(st.sampled_from([("a",), ("aaaa",), ("a", "aaaa")])), "SERVFAIL")
        for name in draw(some(NAMES))
    }
    mute = draw(some(NAMES))
    return World(
        no_route=draw(some(ADDRESSES)),
        no_socket=draw(some(ENDPOINTS)),
        no_connect=draw(some(ENDPOINTS)),
        no_bound=draw(st.booleans()),
        blind=draw(st.sampled_from([False, False, True])),
        answers={
            **{name: resolves(name, **failed) for name, failed in silent.items()},
            **{name: seen_as(resolves(name, **silent.get(name, {})), UNHEARD) for name in mute},
        },
    )


def veiled(world: World, failing: World, *, forgetful: bool) -> World:
    """The world as far as it can be seen. forgetful: what DNS said before it failed is not known either."""
    seen = copy.copy(world)
    for field in ("no_route", "no_socket", "no_connect", "no_bound", "blind"):
        setattr(seen, field, getattr(failing, field))
    seen.answers = dict(world.answers)
    for name, silent in failing.answers.items():
        failed = {{"ipv4": "a", "ipv6": "aaaa"}[one]: "SERVFAIL" for one in silent.unknowns}
        kept = [
            one
            for one in world.answers[name].addresses
            if not forgetful or family_name(one) not in silent.unknowns
        ]
        plain = resolves(name, *kept, **failed)
        known = world.answers[name]
        others = silent.others if silent.others and known.others and not forgetful else known.others
        if others is not known.others:
            seen.kept = {**seen.kept, name: addresses_of(known)}
        seen.answers[name] = replace(known, a=plain.a, aaaa=plain.aaaa, others=others)
    return seen


@settings(max_examples=100, deadline=None)
@given(worlds(), failures(), st.booleans())
def test_no_failure_raises_or_clears_anything(world: World, failing: World, forgetful: bool) -> None:
    _, clear = Watch(world, POLICY).audit()
    disputes = [f.subject for f in clear.findings if f.subject.kind is FindingKind.VIEWS_DISAGREE]
    seen = veiled(world, failing, forgetful=forgetful)
    _, veil = Watch(seen, POLICY).audit({str(one.domain) for one in disputes})
    assert not clear.undecided
    findings = {finding.subject.key: finding.subject for finding in clear.findings}
    found = {finding.subject.key for finding in veil.findings}
    assert found <= findings.keys(), "raised by a failure"
    gone = [subject for key, subject in findings.items() if key not in found]
    assert [subject for subject in gone if not veil.is_undecided(subject)] == [], "cleared by a failure"
    verdicts = verdicts_of(clear)
    for endpoint, verdict in verdicts_of(veil).items():
        assert verdict in (Verdict.UNKNOWN, verdicts[endpoint]) or {verdict, verdicts[endpoint]} == SILENT


def verdicts_of(judgement: Judgement) -> dict[tuple[str, Address, Port], Verdict]:
    return {
        (one.domain, one.address, one.port): one.verdict
        for judged in judgement.domains.values()
        for one in judged.endpoints
    }
