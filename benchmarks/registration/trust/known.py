"""Pairs whose truth is known at points: real ones, and scans moved or warped by an exact map, on another grid, with noise.

One real pair has no truth: what is said of it is counted all the same.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import SimpleITK as sitk

from benchmarks.registration.cases import cropped, decubitus, head, lung, volume
from longitudinal.dicom.planes.contrast import Contrast
from longitudinal.geometry import affine
from longitudinal.geometry.affine import Matrix, Points
from longitudinal.registration.pyramid import Pyramid
from longitudinal.registration.quality import covered, tissue_points
from longitudinal.registration.volume import Volume
from tests.data import data

MOST_POINTS = 300
FLAIR_TO_T1W = "truth_points_study1_FLAIR_to_study2_T1W_LPSmm.csv"
PointMap = Callable[[Points], Points]


@dataclass(frozen=True, eq=False)
class Known:
    """A pair with corresponding points (n, 3), LPS mm; `limits_set_on` where figures of the model were chosen on it.

    Without a truth the points of the two scans have nothing to do with each other.
    """

    name: str
    person: str
    fixed: Volume
    moving: Volume
    fixed_points: Points
    moving_points: Points
    limits_set_on: bool
    has_truth: bool = True

    @cached_property
    def pyramids(self) -> tuple[Pyramid, Pyramid]:
        return Pyramid(self.fixed), Pyramid(self.moving)


def rigid_motion(
    scan: Volume, degrees: tuple[float, float, float], shift: tuple[float, float, float]
) -> Matrix:
    """About the middle of a scan, LPS mm."""
    turn = sitk.Euler3DTransform()
    turn.SetRotation(*np.radians(degrees).tolist())
    centre = affine.apply(scan.point_from_index, (np.array(scan.size) - 1) / 2)
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(turn.GetMatrix(), (3, 3))
    matrix[:3, 3] = centre + shift - matrix[:3, :3] @ centre
    return matrix


def still(points: Points) -> Points:
    """Nothing but the rigid motion."""
    return points


def waves(seed: int, amplitude: float, wavelength: float) -> PointMap:
    """A few waves in random directions; displacements of about `amplitude` mm."""
    random = np.random.default_rng(seed)
    numbers = random.normal(size=(6, 3))
    numbers *= 2 * np.pi / wavelength / np.linalg.norm(numbers, axis=1)[:, None]
    phases, directions = random.uniform(0, 2 * np.pi, 6), random.normal(size=(6, 3))
    directions *= amplitude / np.sqrt(3) / np.linalg.norm(directions, axis=1)[:, None]
    return lambda points: np.asarray(points + np.sin(points @ numbers.T + phases) @ directions)


def pull(
    scan: Volume, at: tuple[float, float, float], radius: float, by: tuple[float, float, float]
) -> PointMap:
    """One part moves and the rest stays, as breathing does; `at` 0..1 along i, j, k of the scan, mm."""
    centre = affine.apply(scan.point_from_index, np.array(at) * scan.size)

    def moved(points: Points) -> Points:
        weight = np.exp(-((points - centre) ** 2).sum(axis=1) / (2 * radius**2))
        return np.asarray(points + weight[:, None] * np.array(by))

    return moved


def made(
    name: str,
    person: str,
    scan: Volume,
    motion: Matrix,
    warp: PointMap = still,
    *,
    spacing: tuple[float, float, float] = (0.9, 0.9, 3.0),
    noise: float = 0.02,
    limits_set_on: bool = False,
) -> Known:
    """A scan and itself, moved and warped: scan point = warp(motion^-1 new point), on a grid along the axes of LPS."""
    to_scan = affine.invert(motion)
    corners = np.array(np.meshgrid(*([0, count] for count in scan.size))).reshape(3, -1).T
    box = affine.apply(motion @ scan.point_from_index, corners)
    size = np.ceil(np.ptp(box, axis=0) / spacing).astype(int)
    indices = np.indices(size[::-1]).reshape(3, -1)[::-1].T
    points = box.min(axis=0) + indices * np.array(spacing)
    shown = (warp(affine.apply(to_scan, points)) - points).reshape(*size[::-1], 3)
    field = sitk.GetImageFromArray(shown, isVector=True)
    field.SetSpacing(spacing)
    field.SetOrigin(box.min(axis=0).tolist())
    image = sitk.GetImageFromArray(scan.voxels)
    image.SetSpacing(scan.spacing.tolist())
    image.SetOrigin(scan.origin.tolist())
    image.SetDirection(scan.directions.ravel().tolist())
    lowest = float(scan.voxels.min())
    empty = sitk.Image(field.GetSize(), sitk.sitkUInt8)
    empty.CopyInformation(field)
    seen = sitk.Resample(image, empty, sitk.DisplacementFieldTransform(field), sitk.sitkLinear, lowest)
    voxels = sitk.GetArrayFromImage(seen)
    low, high = np.percentile(scan.voxels[::3, ::3, ::3], (1, 99.5))
    random = np.random.default_rng(1)
    voxels += random.normal(scale=noise * (high - low), size=voxels.shape).astype(np.float32)
    new = Volume(voxels, None, box.min(axis=0), np.eye(3), np.array(spacing), scan.contrast)
    tissue = tissue_points(Pyramid(scan))
    chosen = tissue[random.permutation(len(tissue))[:MOST_POINTS]]
    there = affine.apply(motion, inverse_of(warp, chosen))
    inside = covered(there, new)
    return Known(name, person, scan, new, chosen[inside], there[inside], limits_set_on)


def inverse_of(warp: PointMap, points: Points) -> Points:
    """Where points come from, by fixed-point iteration; every warp here is a contraction."""
    found = points
    for _ in range(200):
        found = found - (warp(found) - points)
    assert float(np.abs(warp(found) - points).max()) < 1e-6
    return found


def _head() -> Known:
    case = head()
    return Known(
        "p01 head", "p01", *case.volumes(), case.fixed_points, case.moving_points, limits_set_on=True
    )


def _contrasts() -> Known:
    case = head()
    folder = data("openms_cross_contrast/patient01")
    table = np.loadtxt(folder / FLAIR_TO_T1W, delimiter=",", skiprows=1)
    fixed, moving = volume(case.fixed), volume(folder / "study2_T1W")
    return Known("p01 FLAIR - T1W", "p01", fixed, moving, table[:, :3], table[:, 3:], limits_set_on=True)


def _decubitus() -> Known:
    fixed, moving = decubitus().volumes()
    random = np.random.default_rng(1)
    some = [
        tissue[random.permutation(len(tissue))[:MOST_POINTS]]
        for tissue in map(tissue_points, (Pyramid(fixed), Pyramid(moving)))
    ]
    return Known("decubitus", "decubitus", fixed, moving, *some, limits_set_on=False, has_truth=False)


def _lung() -> Known:
    case = lung()
    return Known("lung", "lung", *case.volumes(), case.fixed_points, case.moving_points, limits_set_on=False)


def _folder_pair(
    name: str, person: str, folder: str, studies: tuple[str, str], points: str, is_set: bool
) -> Known:
    table = np.loadtxt(data(folder) / points, delimiter=",", skiprows=1)
    fixed, moving = (volume(data(folder) / study) for study in studies)
    return Known(name, person, fixed, moving, table[:, :3], table[:, 3:], is_set)


def _breath() -> Known:
    points = "truth_points_study1_to_study2_LPSmm.csv"
    return _folder_pair("chest_breath", "chest", "chest_breath", ("study1", "study2"), points, is_set=False)


def _other(number: str) -> Volume:
    return volume(data(f"openms_other/{number}_FLAIR"))


def _moved_head(number: str, degrees: tuple[float, float, float], is_set: bool) -> Known:
    scan = _other(number)
    motion = rigid_motion(scan, degrees, (10.0, -10.0, 15.0))
    return made(f"{number} moved", number, scan, motion, limits_set_on=is_set)


def _warped_head(number: str, seed: int, is_set: bool) -> Known:
    """Two thirds of the head stay, one part moves by a centimetre: no head does, it is for the model alone."""
    scan = head().volumes()[0] if number == "p01" else _other(number)
    part = pull(scan, (0.35, 0.6, 0.4), 30.0, (3.0, -4.0, 11.0))
    slight = waves(seed, 1.5, 120.0)
    motion = rigid_motion(scan, (3.0, -2.0, 5.0), (4.0, 6.0, -8.0))
    return made(
        f"{number} warped", number, scan, motion, lambda points: part(slight(points)), limits_set_on=is_set
    )


def _waved_head(number: str, seed: int, is_set: bool) -> Known:
    scan = head().volumes()[0] if number == "p01" else _other(number)
    motion = rigid_motion(scan, (-4.0, 3.0, 2.0), (-6.0, 4.0, 5.0))
    return made(f"{number} waved", number, scan, motion, waves(seed, 5.0, 110.0), limits_set_on=is_set)


def _alike(known: Known) -> Known:
    """The same, as scans whose contrast is known to be one: deformed by local correlation, as CT is."""
    contrast = Contrast("MR", 9000.0, 120.0, 2500.0)
    return replace(
        known,
        name=f"{known.name} alike",
        fixed=replace(known.fixed, contrast=contrast),
        moving=replace(known.moving, contrast=contrast),
    )


SLAB_MM = 120.0


def _part(scan: Volume) -> Volume:
    """The middle `SLAB_MM` of a scan along the body."""
    axis = int(np.argmax(np.abs(scan.directions[2])))
    return cropped(scan, 2 - axis, SLAB_MM / (scan.size[axis] * scan.spacing[axis]))


def _breath_slab() -> Known:
    """A whole chest, and a slab of the same after a breath: what moves in and out at its ends is in one scan alone."""
    whole = _breath()
    part = _part(whole.moving)
    shown = covered(whole.moving_points, part)
    return replace(
        whole,
        name="chest_breath slab",
        moving=part,
        fixed_points=whole.fixed_points[shown],
        moving_points=whole.moving_points[shown],
    )


def _slab() -> Known:
    """A slab of a chest that moves as a whole."""
    scan = volume(data("chest_breath") / "study1")
    part = _part(scan)
    motion = rigid_motion(scan, (2.0, -2.0, 4.0), (6.0, -9.0, 10.0))
    return made("chest slab", "chest", part, motion, spacing=(1.2, 1.2, 2.5))


CASES: dict[str, Callable[[], Known]] = {
    "p01": _head,
    "p04 moved": lambda: _moved_head("p04", (2.0, -3.0, 12.0), True),
    "p01 warped": lambda: _warped_head("p01", 1, True),
    "p04 warped": lambda: _warped_head("p04", 2, True),
    "p01 waved": lambda: _waved_head("p01", 3, True),
    "p04 waved": lambda: _waved_head("p04", 4, True),
    "p01 warped alike": lambda: _alike(_warped_head("p01", 1, True)),
    "p04 warped alike": lambda: _alike(_warped_head("p04", 2, True)),
    "p01 waved alike": lambda: _alike(_waved_head("p01", 3, True)),
    "p04 waved alike": lambda: _alike(_waved_head("p04", 4, True)),
    "p01 contrasts": _contrasts,
    "breath": _breath,
    "lung": _lung,
    "slab": _slab,
    "breath slab": _breath_slab,
    "p09 moved": lambda: _moved_head("p09", (-3.0, 2.0, -14.0), False),
    "p09 warped": lambda: _warped_head("p09", 5, False),
    "p09 waved": lambda: _waved_head("p09", 6, False),
    "decubitus": _decubitus,
}
