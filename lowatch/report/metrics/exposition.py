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
    """An exposition format. They differ in headers and in the end, not in series and values."""

    TEXT = "text/plain; version=0.0.4; charset=utf-8"
    OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

    @property
    def content_type(self) -> str:
        return self.value

    @property
    def end(self) -> str:
        """The last line that the format requires."""
        return "# EOF\n" if self is Format.OPENMETRICS else ""


_UNITS = ("seconds", "bytes")
"""Base units; the name of a metric with a unit ends with it."""


def escape(value: str) -> str:
    """A label's value, escaped for its place between quotes."""
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def format_number(value: float) -> str:
    """A number for Go's ParseFloat. Whole numbers have no fraction."""
    if math.isfinite(value):
        return str(int(value)) if value == int(value) else repr(value)
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"


@cache
def template(family: Family) -> str:
    """`name{label="%s",...}` for escaped values; the bare name if the family has no labels."""
    return labelled(family.name, dict.fromkeys(family.labels, "%s"))


def labelled(name: str, labels: Mapping[str, str]) -> str:
    """`name{label="value",...}` from values that are escaped already."""
    inside = ",".join(f'{label}="{value}"' for label, value in labels.items())
    return f"{name}{{{inside}}}" if inside else name


def series(family: Family, *values: str) -> str:
    """One series of a family. values: one for each label, in their order."""
    return template(family) % tuple(map(escape, values))


def with_label(line: str, label: str, value: str) -> str:
    """A line of an exposition, its series with one more label. value: not escaped."""
    if not line or line.startswith("#"):
        return line
    name, space, number = line.rpartition(" ")
    added = f'{label}="{escape(value)}"}}'
    return (f"{name[:-1]},{added}" if name.endswith("}") else f"{name}{{{added}") + space + number


def header(family: Family, form: Format = Format.TEXT) -> str:
    """The HELP and TYPE lines, and UNIT in OpenMetrics, where a counter's family name lacks `_total`."""
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
    """The lines of a family: its header, even without samples, and its samples (series, value)."""
    yield header(family, form)
    for name, value in samples:
        yield f"{name} {format_number(value)}\n"


def encode(lines: Iterable[str]) -> bytes:
    """The lines in UTF-8. Other bytes, which an interface's name may contain, become question marks."""
    return "".join(lines).encode("utf-8", "replace")
