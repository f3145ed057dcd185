"""Answers given beforehand, through the same questions as the resolver's."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowatch.app.static_resolver import StaticResolver
from lowatch.core.addresses import EVERYWHERE, parse_address, parse_port, parse_prefix
from lowatch.core.answers import NOT_ASKED, AnswerStatus, View
from tests.support.aio import run_async
from tests.unit.app.scripted import ScriptedResolver, World, offers, resolves, seen_as

ONE, TWO, V6 = parse_address("192.0.2.1"), parse_address("192.0.2.2"), parse_address("2001:db8::1")
MAPPED = parse_address("::ffff:192.0.2.1")


def test_who_leads_into_a_prefix() -> None:
    answers = StaticResolver([resolves("a", ONE), resolves("b", TWO, V6)])
    inside = {
        "192.0.2.0/24": {"a", "b"},
        "192.0.2.1/32": {"a"},
        "192.0.2.2/31": {"b"},
        "0.0.0.0/0": {"a", "b"},
        "::/0": {"b"},
        "198.51.100.0/24": set(),
    }
    assert {text: answers.inside([parse_prefix(text)]) for text in inside} == inside


def test_found_where_a_connect_would_go_in_any_view() -> None:
    """An event at 192.0.2.1 concerns whoever resolves to ::ffff:192.0.2.1; :: and 0.0.0.0 are this host."""
    answers = StaticResolver(
        [
            resolves("mapped", MAPPED),
            resolves("unspecified", parse_address("0.0.0.0"), parse_address("::")),
            seen_as(resolves("beside", TWO), (View.DNS, [ONE]), view=View.HOSTS),
        ]
    )
    assert answers.at(ONE) == answers.at(MAPPED) == {"mapped", "beside"}
    assert answers.inside([parse_prefix("127.0.0.0/8")]) == {"unspecified"}
    assert set(answers.at(V6)) == set()


def test_what_else_is_said_of_them() -> None:
    stub = parse_address("127.0.0.53")
    answers = StaticResolver(
        [resolves("a", ONE), resolves("b", ONE, aaaa="SERVFAIL"), offers("_x._tcp.c", ("c", "5222", TWO))],
        [stub],
    )
    assert answers.answer("a") is answers.answer("a")
    assert answers.answer("z").a is NOT_ASKED
    assert answers.statuses == {AnswerStatus.RESOLVED: 2, AnswerStatus.UNKNOWN: 1}
    assert answers.unresolved() == {"b": ("", "SERVFAIL")}
    assert answers.srv_ports == {parse_port("5222")}
    assert answers.stub_addresses == {stub}
    assert list(answers.problems) == []
    with pytest.raises(NotImplementedError):
        answers.replace_domains(["a"])


class Heard:
    """Implements core.answers.AnswerListener."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def answer_changed(self, domain: str) -> None:
        self.names.append(domain)


def test_all_of_them_come_at_once() -> None:
    answers, heard = StaticResolver([resolves("a", ONE), resolves("b", TWO)]), Heard()

    async def ask() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(answers.run(heard))
            await answers.settled()

    run_async(ask(), 5.0)
    assert heard.names == ["a", "b"]


addresses = st.lists(st.sampled_from([ONE, TWO, V6, MAPPED]), unique=True, max_size=3)


@given(st.dictionaries(st.sampled_from("abcd"), st.tuples(addresses, addresses | st.just("?"))))
def test_as_the_tests_own_resolver_has_it(said: dict[str, Any]) -> None:
    """That one looks through all of them each time."""
    made = {name: seen_as(resolves(name, *ours), (View.DNS, also)) for name, (ours, also) in said.items()}
    plain, answers = ScriptedResolver(World(answers=made), made), StaticResolver(made.values())
    for address in (ONE, TWO, V6, MAPPED):
        assert set(answers.at(address)) == set(plain.at(address))
    assert answers.inside(EVERYWHERE) == plain.inside(EVERYWHERE)
    assert answers.statuses == plain.statuses
