"""The figures of each pair as the engine makes them, kept beside its ways; whether they suffice is judged anew each time."""

import math
from collections.abc import Callable
from dataclasses import asdict, replace

import numpy as np

from benchmarks.registration.trust.pairs import Pair
from benchmarks.registration.trust.ways import Ways, kept_in
from longitudinal.registration import block_match, mirror, rigid, search
from longitudinal.registration.block_match import match_blocks
from longitudinal.registration.engine import Way, look, there_and_back
from longitudinal.registration.pyramid import as_transform
from longitudinal.registration.quality import NO_OVERLAP, Quality, judge, overlap
from longitudinal.settings import Acceptance
from longitudinal.transforms.model import linear

CODE = (block_match, mirror, rigid, search)
"""What the figures of a known way depend on; the limits they are judged by are no part of it."""


MOST_SPREAD_MM = Acceptance().most_block_spread_mm


def judged(pair: Pair) -> Quality:
    """The figures of a pair as a rigid alignment, judged as the product does.

    The way back is registered only where nothing else has refused the pair: it could but refuse it once more, so what is
    accepted is the same, in half the time.
    """
    ways = Ways(pair)
    forth = ways.forth()
    if forth is None:
        return NO_OVERLAP
    one_way = Way(forth, forth, None)
    figures = _kept(ways, "looks", lambda: _looks(ways, one_way))
    as_if = replace(
        figures, forward_backward_mean_mm=0.0, forward_backward_max_mm=0.0, rigid_forward_backward_mm=0.0
    )
    verdict = judge(as_if, Acceptance())
    if not verdict.accepted:
        return replace(figures, rejection=verdict.rejection)
    home = ways.home()
    if home is None:
        return NO_OVERLAP
    back = Way(home, home, None)
    return judge(
        _kept(ways, "all", lambda: there_and_back(figures, *ways.scans, one_way, back)), Acceptance()
    )


def _looks(ways: Ways, way: Way) -> Quality:
    """Without the mirror control, which takes longest, where the blocks alone refuse whatever it says."""
    fixed, moving = ways.scans
    blocks = match_blocks(fixed, moving, as_transform(way.matrix))
    if len(blocks.centres) and blocks.spread_mm > MOST_SPREAD_MM:
        return replace(
            NO_OVERLAP,
            block_spread_mm=blocks.spread_mm,
            rigid_block_spread_mm=blocks.spread_mm,
            block_offset_mm=blocks.offset_mm,
            blocks=len(blocks.centres),
            overlap=overlap(fixed, moving, linear(way.matrix)),
        )
    return look(fixed, moving, way, blocks)


def _kept(ways: Ways, what: str, make: Callable[[], Quality]) -> Quality:
    def as_json() -> dict[str, float | None]:
        values = asdict(make()).items()
        return {
            name: None if isinstance(value, float) and math.isnan(value) else value for name, value in values
        }

    found = kept_in(ways.key(what, CODE), ways.name, as_json)
    values = {
        name: np.nan if value is None and name != "rejection" else value for name, value in found.items()
    }
    return Quality(**values)
