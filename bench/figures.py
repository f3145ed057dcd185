"""The last figures: a table in docs/bench.md. `--record` writes it, and every run is compared with it."""

from __future__ import annotations

import math
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from .report import Row

PAGE = Path(__file__).parents[1] / "docs" / "bench.md"
_BEGIN, _END = "<!-- last figures -->", "<!-- end of last figures -->"
_MACHINE = re.compile(r"^Measured on (.*)\.$", re.MULTILINE)
_HEAD = "| | figure | target | commit |\n| --- | ---: | ---: | --- |\n"
_ROW = re.compile(r"^\| (?P<what>\([a-z]\) .*?) \| (?P<figure>[^|]*?) \| [^|]* \| [^|]* \|$", re.MULTILINE)


def last(page: str) -> dict[str, str]:
    """What was measured -> its last figure. Raises ValueError if the page has no place for the table."""
    _, table, _ = _parts(page)
    return {found["what"]: found["figure"] for found in _ROW.finditer(table)}


def machine(page: str) -> str:
    """The machine on which the table was last written; "" if it never was."""
    found = _MACHINE.search(_parts(page)[1])
    return found[1] if found else ""


def change(row: Row, before: Mapping[str, str]) -> str:
    """The change since the last figure: "+12 %", "new", or "" if one of them is not a number.

    "WORSE" and "better" mark a change larger than the noise.
    """
    if row.what not in before:
        return "new"
    then, now = _number(before[row.what]), _number(row.figure)
    if then is None or now is None:
        return ""
    if then == now:
        return "same"
    if then == 0:
        return f"was {before[row.what]}"
    share = (now - then) / abs(then)
    said = f"{share:+.0%}".replace("%", " %")
    if abs(share) <= row.noise:
        return said
    return f"{said} {'better' if (share > 0) == row.more else 'WORSE'}"


def recorded(page: str, rows: Sequence[Row], commit: str, machine: str) -> str:
    """The page with these figures. The figures of benchmarks with another letter stay."""
    before, table, after = _parts(page)
    lines = {row.what: f"| {row.what} | {row.figure} | {row.target} | {commit} |" for row in rows}
    run = {row.what[:3] for row in rows}
    kept = {found["what"]: found[0] for found in _ROW.finditer(table) if found["what"][:3] not in run}
    both = sorted(
        (kept | lines).items(), key=lambda item: item[0][:3]
    )  # stable: keeps the order of measurement
    return (
        f"{before}{_BEGIN}\nMeasured on {machine}.\n\n{_HEAD}"
        + "".join(f"{line}\n" for _, line in both)
        + f"\n{_END}{after}"
    )


def commit() -> str:
    """HEAD's short name, with a "+" if the checkout differs from it."""
    return _git("rev-parse", "--short", "HEAD") + ("+" if _git("status", "--porcelain") else "")


def _git(*arguments: str) -> str:
    command = ["git", "-c", f"safe.directory={PAGE.parents[1]}", "-C", str(PAGE.parents[1]), *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout.strip()


def _parts(page: str) -> tuple[str, str, str]:
    before, begin, rest = page.partition(_BEGIN)
    table, end, after = rest.partition(_END)
    if not (begin and end):
        raise ValueError(f"no table between {_BEGIN} and {_END}")
    return before, table, after


def _number(figure: str) -> float | None:
    try:
        number = float(figure.split(maxsplit=1)[0])
    except (ValueError, IndexError):
        return None
    return number if math.isfinite(number) else None
