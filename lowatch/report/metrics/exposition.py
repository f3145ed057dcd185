"""The two exposition formats that Prometheus scrapes: its own text format, and OpenMetrics.

https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from functools import cache

from .families import Family


class Format(Enum):
    """Series and values are written in the same way in both; headers are not, nor is the end."""

    TEXT = "text/plain; version=0.0.4; charset=utf-8"
    OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

    @property
    def content_type(self) -> str:
        return self.value

    @property
    def end(self) -> str:
        """What the last line has to be."""
        return "# EOF\n" if self is Format.OPENMETRICS else ""


_UNITS = ("seconds", "bytes")
"""Base units, which end the name of whatever has one."""


def escape(value: str) -> str:
    """A label's value, as it stands between its quotes."""
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def format_number(value: float) -> str:
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


def header(family: Family, form: Format = Format.TEXT) -> str:
    """The HELP and TYPE lines, and in OpenMetrics UNIT. There a counter's family lacks the `_total`."""
    name = family.name
    text = family.help.replace("\\", r"\\").replace("\n", r"\n")
    unit = ""
    if form is Format.OPENMETRICS:
        name = name.removesuffix("_total")
        text = text.replace('"', r"\"")
        unit = next((f"# UNIT {name} {each}\n" for each in _UNITS if name.endswith(f"_{each}")), "")
    return f"# HELP {name} {text}\n# TYPE {name} {family.kind}\n{unit}"


def exposition(
    family: Family, samples: Iterable[tuple[str, float]], form: Format = Format.TEXT
) -> Iterator[str]:
    """A family's lines: its header, even where it has no series, and its `(series, value)`."""
    yield header(family, form)
    for name, value in samples:
        yield f"{name} {format_number(value)}\n"


def encode(lines: Iterable[str]) -> bytes:
    """UTF-8. What is none (interfaces may be named by any bytes) becomes a question mark."""
    return "".join(lines).encode("utf-8", "replace")
