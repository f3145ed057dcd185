"""How long, as a person would say it in a sentence."""

from __future__ import annotations


def elapsed(seconds: float) -> str:
    """In the largest unit of which there are two: "12 minutes", "47 hours"; "a moment" below 2 s."""
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{int(seconds // size)} {unit}"
    return "a moment" if seconds < 2 else f"{int(seconds)} seconds"
