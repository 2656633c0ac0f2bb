"""The figures of each pair as the engine makes them, kept beside its ways; whether they suffice is judged anew each time."""

from dataclasses import replace

from benchmarks.registration.trust.pairs import Pair
from benchmarks.registration.trust.ways import Ways
from longitudinal.geometry.affine import Matrix
from longitudinal.reasons import Rejection
from longitudinal.registration import block_match, mirror, quality, rigid
from longitudinal.registration.block_match import match_blocks
from longitudinal.registration.engine import Way, look_at_blocks, there_and_back
from longitudinal.registration.mirror import mirror_ratio
from longitudinal.registration.pyramid import as_transform
from longitudinal.registration.quality import NO_OVERLAP, Quality, judge, tissue_points
from longitudinal.settings import Acceptance

BLOCKS, MIRROR = (block_match, quality, rigid), (mirror, quality)
"""What the figures of a known way are made by, besides the way."""

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
    figures: Quality = ways.kept("blocks", BLOCKS, lambda: _blocks(ways, one_way))
    if figures.block_spread_mm > MOST_SPREAD_MM:
        # the mirror control takes longest, and this refuses whatever it says
        return replace(figures, rejection=Rejection.LOCALLY_DIFFERENT)
    figures = replace(figures, mirror_ratio=_ratio(ways, forth))
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
    found: Quality = ways.kept(
        "there and back", BLOCKS, lambda: there_and_back(figures, *ways.scans, one_way, back)
    )
    return judge(replace(found, mirror_ratio=figures.mirror_ratio), Acceptance())


def _blocks(ways: Ways, way: Way) -> Quality:
    fixed, moving = ways.scans
    return look_at_blocks(fixed, moving, way, match_blocks(fixed, moving, as_transform(way.matrix)))


def _ratio(ways: Ways, forth: Matrix) -> float:
    def measured() -> float:
        fixed, moving = ways.scans
        return mirror_ratio(fixed, moving, forth, tissue_points(fixed))

    return float(ways.kept("mirror ratio", MIRROR, measured))
