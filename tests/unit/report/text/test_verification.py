"""What a verification found, as text."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from lowatch.core.verification import Outcome, Verification
from lowatch.report.text.audit import render
from lowatch.report.text.screen import Screen
from lowatch.report.text.verification import verification_lines
from tests.unit.report.audit_worlds import clear

SCREEN = Screen(colour=False, width=100)
FINE = Verification(Counter({Outcome.AGREES: 12}), messages=23, answers=8, series=50)


def test_agreement_is_one_line() -> None:
    assert verification_lines(FINE, SCREEN) == [
        "Verified: 12 verdicts by connects; 23 netlink messages, 8 DNS answers and 50 series by libraries."
    ]
    assert verification_lines(FINE, Screen(colour=True, width=100))[0].startswith("\x1b[1;32mVerified")


def test_what_could_not_be_compared_is_counted() -> None:
    one = Counter({Outcome.AGREES: 1, Outcome.NOT_MET: 2, Outcome.CHANGING: 1, Outcome.BEYOND: 3})
    text = " ".join(verification_lines(Verification(one), SCREEN))
    assert text == (
        "Compared: 1 verdict by connects; 0 netlink messages, 0 DNS answers and 0 series by libraries. "
        "Not compared: 2 verdicts that no connect can tell (UDP, unknown, or not routed here), 1 verdict "
        "that kept changing and 3 verdicts beyond the limit."
    )


def test_a_disagreement_leads_to_the_bug_report() -> None:
    found = replace(FINE, disagreements=("a\x1b is wrong", "b is wrong"), report="x.json")
    assert verification_lines(found, SCREEN)[:4] == [
        "Verification failed: lowatch is wrong in 2 places.",
        "  - a\\x1b is wrong",
        "  - b is wrong",
        "The bug report is x.json: what the audit saw, with names and addresses replaced. Please send it.",
    ]
    without = verification_lines(replace(found, report=""), SCREEN)
    assert without[3] == "No bug report could be written. Please report it, with these lines."


def test_long_lists_are_cut() -> None:
    found = replace(FINE, disagreements=tuple(map(str, range(30))))
    assert "  and 20 more: see --format json." in verification_lines(found, SCREEN)


def test_what_a_client_meets_and_what_was_missed() -> None:
    lines = verification_lines(replace(FINE, unseen=("a connect timed out",), missed=("x",)), SCREEN)
    assert lines[:2] == [
        "A client meets something else, by what this audit does not look at:",
        "  - a connect timed out",
    ]
    assert lines[-2:] == ["Decoded only once:", "  - x"]


def test_in_the_report_it_comes_last() -> None:
    text = render(replace(clear(), verification=FINE), colour=False, width=120)
    assert text.splitlines()[-1].startswith("Verified: 12 verdicts")
    assert "erif" not in render(clear(), colour=False, width=120)
