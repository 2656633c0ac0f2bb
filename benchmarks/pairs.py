"""Interleaved pairs of two things to compare, and the median of their ratios with its uncertainty.

Two long runs one after the other measure the machine's mood as much as the code. Here A and B alternate, which of the two
comes first alternates too, and each pair gives one ratio; what slows the machine down for a minute slows both.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 10_000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Comparison:
    """What came out of the pairs: medians of A and B in their own unit, and of A / B with a 95 % interval."""

    a: float
    b: float
    ratio: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.ratio:.3f} (95 % {self.low:.3f} to {self.high:.3f})"


def median_interval(values: np.ndarray, seed: int = 1) -> tuple[float, float, float]:
    """The median and its 95 % interval, by bootstrap over the values."""
    picks = np.random.default_rng(seed).integers(0, len(values), (RESAMPLES, len(values)))
    medians = np.median(values[picks], axis=1)
    low, high = np.quantile(medians, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(np.median(values)), float(low), float(high)


def compare(
    a: Callable[[], Sequence[float]], b: Callable[[], Sequence[float]], pairs: int
) -> list[Comparison]:
    """Run A and B in turn, `pairs` times each; both return what is to be compared, one or more figures."""
    measured: list[list[Sequence[float]]] = []
    for number in range(pairs):
        if number % 2 == 0:
            measured.append([a(), b()])
        else:
            last = b()
            measured.append([a(), last])
    found = []
    for figures in np.array(measured, dtype=float).transpose(2, 0, 1):
        ratio, low, high = median_interval(figures[:, 0] / figures[:, 1])
        found.append(Comparison(*(float(value) for value in np.median(figures, axis=0)), ratio, low, high))
    return found
