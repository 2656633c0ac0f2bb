"""The pairs of `known`, registered by every method, kept on disk: the error model is then judged in seconds.

python -m benchmarks.registration.trust.registered [CASE ...]
"""

import sys
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import SimpleITK as sitk

from benchmarks.registration import cases
from benchmarks.registration.cases import refined_one_way
from benchmarks.registration.trust import known as generator
from benchmarks.registration.trust.kept import code_of, kept_in, text_of
from benchmarks.registration.trust.known import CASES, Known
from longitudinal.geometry.affine import Matrix, Points
from longitudinal.registration import block_fit, greedy, rigid, search, volume
from longitudinal.registration.alignment import Method
from longitudinal.registration.block_fit import fit_to_blocks
from longitudinal.registration.engine import Way, free
from longitudinal.registration.pyramid import Pyramid


@dataclass(frozen=True, eq=False)
class Registered:
    """One direction of a pair, registered: `forth` is moving from fixed, `home` the way back, found on its own."""

    known: Known
    method: Method
    fixed: Pyramid
    moving: Pyramid
    forth: Way
    home: Way
    points: Points
    truth: Points
    is_swapped: bool

    @property
    def name(self) -> str:
        return f"{self.known.name}{' back' if self.is_swapped else ''} {self.method.value}"

    @cached_property
    def errors(self) -> np.ndarray:
        """(n,) mm; NaN where the transform does not reach, and without a truth."""
        if not self.known.has_truth:
            return np.full(len(self.points), np.nan)
        return np.asarray(np.linalg.norm(self.forth.points.map_points(self.points) - self.truth, axis=1))

    @property
    def key(self) -> str:
        """What it depends on."""
        return f"{self.pair_key}/{self.method.value}"

    @property
    def pair_key(self) -> str:
        """What it and its rigid part depend on."""
        return f"{code()}/{self.known.name}{' back' if self.is_swapped else ''}"


def refining() -> str:
    """A digest of what makes the scans, searches and refines."""
    return text_of(generator, cases) + code_of(search, rigid, volume)


def code() -> str:
    """The same, and of all that goes on from there."""
    return refining() + code_of(block_fit, greedy)


def registered(known: Known) -> dict[Method, tuple[Way, Way]]:
    """Both ways of each method."""

    fixed, moving = known.pyramids
    orders = ((fixed, moving), (moving, fixed))

    def refined() -> list[Matrix]:
        return [refined_one_way(*order) for order in orders]

    starts = kept_in(f"{refining()}/{known.name}", f"{known.name}, refined", refined)

    def both() -> list[Way]:
        return [
            free(*order, fit_to_blocks(*order, start), Method.DEFORMABLE, 1, lambda stage, fraction: None)
            for order, start in zip(orders, starts, strict=True)
        ]

    forth, home = kept_in(f"{code()}/{known.name}", f"{known.name}, registered", both)
    return {
        Method.RIGID: (Way(forth.rigid, forth.rigid, None), Way(home.rigid, home.rigid, None)),
        Method.AFFINE: (replace(forth, field=None), replace(home, field=None)),
        Method.DEFORMABLE: (forth, home),
    }


def both_directions(known: Known, method: Method) -> list[Registered]:
    """A pair registered, and the same the other way round."""
    forth, home = registered(known)[method]
    fixed, moving = known.pyramids
    there, back = known.fixed_points, known.moving_points
    return [
        Registered(known, method, fixed, moving, forth, home, there, back, is_swapped=False),
        Registered(known, method, moving, fixed, home, forth, back, there, is_swapped=True),
    ]


if __name__ == "__main__":
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    for key, make in CASES.items():
        if len(sys.argv) > 1 and key not in sys.argv[1:]:
            continue
        known = make()
        for method in Method:
            for one in both_directions(known, method):
                print(
                    f"{one.name}: {len(one.points)} points, mean {np.nanmean(one.errors):.2f}, "
                    f"p95 {np.nanpercentile(one.errors, 95):.2f}, max {np.nanmax(one.errors):.2f}",
                    flush=True,
                )
