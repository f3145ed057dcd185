from __future__ import annotations

import pytest

from tests.kernels.features import FEATURES
from tests.kernels.guest import CHECKOUT, Outcome
from tests.kernels.oddities import ODDITIES
from tests.kernels.packages import SUITES
from tests.kernels.plan import documented
from tests.kernels.report import Report, features

PRINTED = """\
tests/netns/test_host.py ...F                                             [100%]
FAILED tests/netns/test_host.py::test_it - AssertionError: 1 passed in 2.0s
============ 1 failed, 1203 passed, 2 errors in 65.20s (0:01:05) ============
0 of 200 worlds fail, 71 s
1 of 50 worlds fail, 20 s
"""


def outcome(status: int = 0) -> Outcome:
    return Outcome(status, ["yes IPv6", "no VRF"], boot=3.21, total=412.7)


def test_what_was_printed_is_summed_up() -> None:
    report = Report()
    for line in PRINTED.splitlines():
        report.read(line)
    has = features(outcome().notes)
    assert report.lines("6.1.0", outcome(1), has, {"IPv6": True, "VRF": True}) == [
        "Linux 6.1.0: FAILED",
        "  booted in  3.2 s; 413 s in all",
        "  tests      1,203 passed, 1 failed, 2 errors",
        "  worlds     0 of 200 verdicts' worlds wrong, 1 of 50 fixes' worlds wrong",
        "  it lacks   VRF",
        "  not as in docs/internals/kernels.md: VRF: no",
        "  FAILED tests/netns/test_host.py::test_it - AssertionError: 1 passed in 2.0s",
    ]


@pytest.mark.parametrize(
    ("status", "expected", "good"),
    [
        (0, {"IPv6": True, "VRF": False}, True),
        (1, {"IPv6": True, "VRF": False}, False),
        (0, {"IPv6": True, "VRF": True}, False),
        (0, {"IPv6": True}, False),
        (0, {"IPv6": True, "VRF": False, "MPTCP": True}, False),
    ],
)
def test_good_is_what_passes_and_is_documented(status: int, expected: dict[str, bool], good: bool) -> None:
    one = outcome(status)
    assert Report().good(one, features(one.notes), expected) is good


def test_an_odd_kernel_has_a_line() -> None:
    report = Report()
    report.read("FAILED tests/odd_kernels/test_no_ipv6.py::test_check")
    report.read("1 failed, 2 passed in 3.06s")
    assert report.odd_lines("6.1.0", "no_ipv6", outcome(1)) == [
        "Linux 6.1.0, no_ipv6: FAILED; 2 passed, 1 failed, 413 s in all",
        "  FAILED tests/odd_kernels/test_no_ipv6.py::test_check",
    ]


def test_each_odd_kernel_has_its_tests() -> None:
    files = (CHECKOUT / "tests/odd_kernels").glob("test_*.py")
    assert {file.stem.removeprefix("test_") for file in files} == set(ODDITIES)


@pytest.mark.parametrize("version", SUITES)
def test_the_documented_features_are_those_that_are_asked_for(version: str) -> None:
    assert list(documented(version)) == list(FEATURES)
