"""The text exposition format 0.0.4, as Prometheus scrapes it.

https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from .metrics_families import Family

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def escape(value: str) -> str:
    """A label's value, as it stands between its quotes."""
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def number(value: float) -> str:
    """As Go's ParseFloat reads it; whole numbers without a fraction."""
    if math.isfinite(value):
        return str(int(value)) if value == int(value) else repr(value)
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"


@cache
def template(family: Family) -> str:
    """`name{label="%s",...}`, to be filled with escaped values; the bare name without labels."""
    return labelled(family.name, dict.fromkeys(family.labels, "%s"))


def labelled(name: str, labels: Mapping[str, str]) -> str:
    """`name{label="value",...}` of values that are escaped already."""
    inside = ",".join(f'{label}="{value}"' for label, value in labels.items())
    return f"{name}{{{inside}}}" if inside else name


def series(family: Family, *values: str) -> str:
    """One of the family's series: a value for each of its labels, in their order."""
    return template(family) % tuple(map(escape, values))


def header(family: Family) -> str:
    """The HELP and TYPE lines. In HELP a quote stands for itself."""
    text = family.help.replace("\\", r"\\").replace("\n", r"\n")
    return f"# HELP {family.name} {text}\n# TYPE {family.name} {family.kind}\n"


def exposition(family: Family, samples: Iterable[tuple[str, float]]) -> Iterator[str]:
    """A family's lines: its header, even where it has no series, and its `(series, value)`."""
    yield header(family)
    for name, value in samples:
        yield f"{name} {number(value)}\n"


def encode(lines: Iterable[str]) -> bytes:
    """UTF-8. What is none (interfaces may be named by any bytes) becomes a question mark."""
    return "".join(lines).encode("utf-8", "replace")
