"""What came out in one kernel, for people; and whether that is as it should be."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .guest import Outcome

_COUNTS = re.compile(r"(\d+) (passed|failed|errors?|skipped|xfailed|xpassed)\b")
_TOTALS = re.compile(r"^=* ?(?:\d+ \w+, )*\d+ \w+ in [\d.]+s")
_WORLDS = re.compile(r"^(\d+) of (\d+) worlds fail")
_TOLD = ("FAILED ", "ERROR ", "SKIPPED ")


@dataclass
class Report:
    """Made of what a guest printed, line by line.

    counts: of tests, by pytest's word. told: pytest's line for each test that did not pass.
    worlds: those of the oracle that fail, and all of them; for verdicts and for fixes.
    """

    counts: dict[str, int] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    worlds: list[tuple[int, int]] = field(default_factory=list)

    def read(self, line: str) -> None:
        if line.startswith(_TOLD):
            self.told.append(line)
        elif _TOTALS.match(line):
            self.counts = {word: int(number) for number, word in _COUNTS.findall(line)}
        elif found := _WORLDS.match(line):
            self.worlds.append((int(found[1]), int(found[2])))

    def lines(
        self, release: str, outcome: Outcome, has: Mapping[str, bool], expected: Mapping[str, bool]
    ) -> list[str]:
        """The report. has: the features as they were found. expected: as they are documented."""
        worlds = ", ".join(
            f"{failed} of {all_:,} {what} wrong"
            for (failed, all_), what in zip(
                self.worlds, ("verdicts' worlds", "fixes' worlds"), strict=False
            )
        )
        lacks = "; ".join(feature for feature, there in has.items() if not there)
        return [
            f"Linux {release}: {'as expected' if self.good(outcome, has, expected) else 'FAILED'}",
            f"  booted in  {outcome.boot:.1f} s; {outcome.total:.0f} s in all",
            f"  tests      {self._tests()}",
            *([f"  worlds     {worlds}"] if worlds else []),
            f"  it lacks   {lacks or 'nothing that lowatch asks for'}",
            *(
                f"  not as in docs/internals/kernels.md: {feature}: {_yes(has.get(feature))}"
                for feature in _differing(has, expected)
            ),
            *(f"  {line}" for line in self.told),
        ]

    def odd_lines(self, release: str, oddity: str, outcome: Outcome) -> list[str]:
        """The report on a kernel that lacks something."""
        ended = "FAILED" if outcome.status else "as expected"
        return [
            f"Linux {release}, {oddity}: {ended}; {self._tests()}, {outcome.total:.0f} s in all",
            *(f"  {line}" for line in self.told),
        ]

    def _tests(self) -> str:
        words = ("passed", "failed", "error", "errors", "skipped")
        tests = ", ".join(f"{self.counts[word]:,} {word}" for word in words if self.counts.get(word))
        return tests or "none finished"

    def good(self, outcome: Outcome, has: Mapping[str, bool], expected: Mapping[str, bool]) -> bool:
        return outcome.status == 0 and not _differing(has, expected)


def features(notes: Sequence[str]) -> dict[str, bool]:
    """From a guest's notes: "yes NAME" or "no NAME"."""
    return {name: answer == "yes" for answer, _, name in (note.partition(" ") for note in notes)}


def _differing(has: Mapping[str, bool], expected: Mapping[str, bool]) -> list[str]:
    return [name for name in dict.fromkeys((*has, *expected)) if has.get(name) != expected.get(name)]


def _yes(there: bool | None) -> str:
    return "not asked for" if there is None else "yes" if there else "no"
