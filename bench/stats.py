"""Summarises samples: by median, because a shared machine is noisy, and by ratio, to compare machines."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple


class Summary(NamedTuple):
    """Samples of one quantity, in its own unit. size: how many there are."""

    size: int
    least: float
    median: float
    p99: float
    most: float


def percentile(samples: Sequence[float], share: float) -> float:
    """The lowest sample that `share` (0 < share <= 1) of all samples do not exceed (nearest rank)."""
    if not samples:
        raise ValueError("no samples")
    if not 0 < share <= 1:
        raise ValueError(f"{share} is not a share between 0 and 1")
    return sorted(samples)[math.ceil(share * len(samples)) - 1]


def summarise(samples: Sequence[float]) -> Summary:
    """Raises ValueError if there are no samples."""
    p99 = percentile(samples, 0.99)
    return Summary(len(samples), min(samples), statistics.median(samples), p99, max(samples))


def paired_ratios(ours: Sequence[float], peers: Sequence[float]) -> Summary:
    """ours / peer for each pair. Both of a pair were measured in the same conditions."""
    return summarise([our / peer for our, peer in zip(ours, peers, strict=True)])
