"""How far parallel planes reach to both sides, where gaps are not filled."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

USUAL_SPACING: Final = 1.5
"""Planes up to so many times the usual spacing apart are neighbours; one missing plane is a gap."""


def slabs_of(heights: Floats, single_mm: float | None) -> tuple[list[tuple[float, float]], int]:
    """From where to where each plane reaches, and how many gaps there are.

    Half-way to the neighbours where these are at the usual spacing (the median), otherwise half of the usual spacing. The
    planes at both ends reach as far out as in.

    Parameters
    ----------
    heights
        (n,) along the normal, mm, increasing.
    single_mm
        The thickness of a plane that has no neighbour; None for none.

    >>> slabs_of(np.array([0.0, 2.0, 4.0, 10.0]), None)
    ([(-1.0, 1.0), (1.0, 3.0), (3.0, 5.0), (9.0, 11.0)], 1)
    """
    if len(heights) == 1:
        half = (single_mm or 0.0) / 2
        return [(float(heights[0]) - half, float(heights[0]) + half)], 0
    spacing = np.diff(heights)
    usual = float(np.median(spacing))
    is_gap = spacing > USUAL_SPACING * usual
    halves = np.where(is_gap, usual, spacing) / 2
    below, above = np.append(halves[0], halves), np.append(halves, halves[-1])
    slabs = list(zip((heights - below).tolist(), (heights + above).tolist(), strict=True))
    return slabs, int(is_gap.sum())
