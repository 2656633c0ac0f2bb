"""The real pairs, what is known of each, and which of them the parameters were tuned on."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from longitudinal.align import read_series
from longitudinal.geometry import affine
from longitudinal.geometry.affine import Matrix
from longitudinal.registration.alignment import Method
from longitudinal.registration.block_fit import fit_to_blocks
from longitudinal.registration.greedy import refine_affine
from longitudinal.registration.pyramid import Pyramid
from longitudinal.registration.rigid import refine_rigid
from longitudinal.registration.search import search
from longitudinal.registration.volume import Volume
from tests.data import data

BASELINE, FOLLOWUP = "elastix_3dct_lung/dicom/baseline", "elastix_3dct_lung/dicom/followup"


@dataclass(frozen=True, eq=False)
class Case:
    """A pair of folders; `fixed_points` and `moving_points` are (n, 3) LPS mm, empty without truth."""

    name: str
    fixed: Path
    moving: Path
    fixed_points: np.ndarray
    moving_points: np.ndarray
    tuned_on: bool

    @property
    def has_truth(self) -> bool:
        return len(self.fixed_points) > 0

    def volumes(self) -> tuple[Volume, Volume]:
        return volume(self.fixed), volume(self.moving)

    def swapped(self) -> "Case":
        """The same pair the other way round."""
        return replace(
            self,
            fixed=self.moving,
            moving=self.fixed,
            fixed_points=self.moving_points,
            moving_points=self.fixed_points,
        )


def volume(folder: Path) -> Volume:
    return read_series(folder).volume()


def head() -> Case:
    """Real MR of one patient 203 days apart; the truth is the database's own registration, rigid to 0.11 mm."""
    folder = data("openms_dicom/patient01")
    points = np.loadtxt(folder / "truth_points_study1_to_study2_LPSmm.csv", delimiter=",", skiprows=1)
    return Case(
        "head MR", folder / "study1_FLAIR", folder / "study2_FLAIR", points[:, :3], points[:, 3:], True
    )


def lung() -> Case:
    """A semi-real CT pair with 51 landmarks; 1.46 mm is the floor of its making."""
    folder = data("elastix_3dct_lung")
    points = [np.loadtxt(folder / f"landmarks_{name}_physical_mm.txt") for name in ("baseline", "followup")]
    return Case("lung CT", data(BASELINE), data(FOLLOWUP), points[0], points[1], True)


def decubitus() -> Case:
    """One volunteer on back and belly, head partly out of view; no truth, so only there and back. Not tuned on."""
    empty = np.empty((0, 3))
    return Case(
        "head MR, HFS-HFP", data("dcm_decubitus_mr/HFS"), data("dcm_decubitus_mr/HFP"), empty, empty, False
    )


def refined_one_way(fixed: Pyramid, moving: Pyramid) -> Matrix:
    """Moving from fixed (4, 4), LPS mm, rigid, as mutual information has it: the blocks have no part in it yet.

    Raises
    ------
    NoOverlap
    """
    starts = [candidate.moving_from_fixed for candidate in search(fixed, moving, lambda fraction: None)]
    return refine_rigid(fixed, moving, starts, lambda fraction: None)


def aligned_one_way(fixed: Pyramid, moving: Pyramid, method: Method) -> Matrix:
    """Moving from fixed (4, 4), LPS mm, rigid or affine, without the check of itself.

    Raises
    ------
    NoOverlap
    """
    matrix = fit_to_blocks(fixed, moving, refined_one_way(fixed, moving))
    return matrix if method is Method.RIGID else refine_affine(fixed, moving, matrix)


def moved(scan: Volume, motion: Matrix) -> Volume:
    """The same voxels in a frame that is moved rigidly: a new start, without interpolation."""
    return replace(
        scan, origin=affine.apply(motion, scan.origin), directions=motion[:3, :3] @ scan.directions
    )


def cropped(scan: Volume, axis: int, keep: float) -> Volume:
    """The middle part of a scan along an axis of its voxels (0 = k, 1 = j, 2 = i)."""
    count = scan.voxels.shape[axis]
    first = int(count * (1 - keep) / 2)
    last = count - first
    part = [slice(None)] * 3
    part[axis] = slice(first, last)
    index = np.zeros(3)
    index[2 - axis] = first
    covered = None if scan.covered is None else scan.covered[tuple(part)]
    return replace(
        scan,
        voxels=np.ascontiguousarray(scan.voxels[tuple(part)]),
        covered=covered,
        origin=affine.apply(scan.point_from_index, index),
    )


def mirrored(scan: Volume) -> Volume:
    """Left and right swapped."""
    axis = 2 - int(np.argmax(np.abs(scan.directions[0])))
    return replace(scan, voxels=np.ascontiguousarray(np.flip(scan.voxels, axis)))
