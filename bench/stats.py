"""What samples come to. Medians, for a shared machine is noisy; ratios, for absolutes do not travel."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple


class Summary(NamedTuple):
    """Of one quantity, in its own unit."""

    size: int
    least: float
    median: float
    p99: float
    most: float


def percentile(samples: Sequence[float], share: float) -> float:
    """By nearest rank: the least sample that `share` (0 < share <= 1) of all are not above."""
    if not samples:
        raise ValueError("no samples")
    if not 0 < share <= 1:
        raise ValueError(f"{share} is no share")
    return sorted(samples)[math.ceil(share * len(samples)) - 1]


def summarise(samples: Sequence[float]) -> Summary:
    """Raises ValueError where there are none."""
    p99 = percentile(samples, 0.99)
    return Summary(len(samples), min(samples), statistics.median(samples), p99, max(samples))


def paired_ratios(ours: Sequence[float], peers: Sequence[float]) -> Summary:
    """ours / peer of each pair. A pair was measured side by side, so what slowed one slowed both."""
    return summarise([our / peer for our, peer in zip(ours, peers, strict=True)])
