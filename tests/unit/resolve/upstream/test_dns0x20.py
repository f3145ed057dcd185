"""lowatch.resolve.upstream.dns0x20: letters at random, and what a server's echo tells."""

from __future__ import annotations

from random import SystemRandom

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowatch.resolve.upstream.dns0x20 import Echo, after_reply, mix_case
from lowatch.wire.dns import RRType, encode_question

RANDOM = SystemRandom()

QUESTION = encode_question("www.example-1.com", RRType.AAAA)
MIXED = QUESTION.replace(b"www", b"wWw")
OTHER = encode_question("www.example-2.com", RRType.AAAA)


@given(st.from_regex(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63}){0,2}", fullmatch=True), st.sampled_from(RRType))
def test_nothing_but_the_case_of_letters_changes(name: str, rrtype: RRType) -> None:
    question = encode_question(name, rrtype)
    assert mix_case(question, RANDOM).lower() == question
    assert mix_case(question, RANDOM)[-4:] == question[-4:]


def test_each_letter_is_at_random() -> None:
    seen = {mix_case(QUESTION, RANDOM) for _ in range(200)}
    assert len(seen) > 190
    letters = [at for at, octet in enumerate(QUESTION[:-4]) if chr(octet).isalpha()]
    for at in letters:
        assert len({question[at] for question in seen}) == 2


@pytest.mark.parametrize(
    ("known", "asked", "replied", "expected"),
    [
        (Echo.UNTRIED, MIXED, MIXED, (Echo.ECHOES, True)),
        (Echo.UNTRIED, QUESTION, QUESTION, (Echo.UNTRIED, True)),
        (Echo.UNTRIED, MIXED, QUESTION, (Echo.FOLDS, True)),
        (Echo.UNTRIED, MIXED, OTHER, (Echo.UNTRIED, False)),
        (Echo.ECHOES, MIXED, MIXED, (Echo.ECHOES, True)),
        (Echo.ECHOES, MIXED, QUESTION, (Echo.ECHOES, False)),
        (Echo.FOLDS, QUESTION, QUESTION, (Echo.FOLDS, True)),
        (Echo.FOLDS, QUESTION, OTHER, (Echo.FOLDS, False)),
    ],
)
def test_the_table(known: Echo, asked: bytes, replied: bytes, expected: tuple[Echo, bool]) -> None:
    assert after_reply(known, asked, replied) == expected
