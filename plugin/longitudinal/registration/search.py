"""Global search for a rigid alignment: all translations at once, over a grid of rotations.

Two scans are compared by their normalised gradients: where an edge is and which way it runs, not how bright the
tissue is, so CT finds MR. The squared dot product of two gradients splits into six products of one scan each;
each product is a correlation, and an FFT gives it for every translation (Haber and Modersitzki's normalised
gradient fields; the normalisation by the overlap's own energy keeps a thin overlap from winning).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from longitudinal.geometry.affine import Matrix
from longitudinal.registration.pyramid import Pyramid, as_transform, grid
from longitudinal.registration.volume import Floats, Voxels

FINEST_SEARCH_MM = 10.0
"""Voxel of the search: a fit by mutual information afterwards finds the rest from 10 mm and 15 degrees away."""

MOST_SEARCH_VOXELS = 36
"""Along an axis of the fixed scan; a larger scan is searched at larger voxels."""

LARGEST_ROTATION_DEGREES = 50.0
"""Rotations looked at: 45 degrees and some, each within `ROTATION_STEP_DEGREES` x 0.56 of one of the grid."""

ROTATION_STEP_DEGREES = 26.0
"""Edge of the body-centred cubic cells of rotation vectors: no rotation is farther than 14.5 degrees from one."""

LEAST_OVERLAP = 0.25
"""Of the smaller scan. Asked for are 40 %; at voxels of 10 mm and a turn off by 14 degrees that may count as less."""

CANDIDATES = 8
"""How many starts go on; the right one was first in 80 of 84 measured searches and among the first five in all."""

_PER_ROTATION = 2
_MARGIN_MM = 60.0
_SUPPRESSED = 3
AXES = (0, 1, 2)
"""Of an array of voxels, for FFTs."""

PRODUCT_WEIGHTS = (1.0, 1.0, 1.0, 2.0, 2.0, 2.0)
"""Of the six products in the square of a dot product."""

_LEAST_ENERGY = 1e-3


@dataclass(frozen=True, eq=False)
class PoseCandidate:
    """A possible alignment: moving from fixed, (4, 4) LPS mm, and how well the gradients agree, 0..1."""

    moving_from_fixed: Matrix
    score: float


def search(fixed: Pyramid, moving: Pyramid, progress: Callable[[float], None]) -> list[PoseCandidate]:
    """Find the best `CANDIDATES` rigid alignments, the best first; empty when the scans hold no gradients."""
    spacing = max(FINEST_SEARCH_MM, float(fixed.extent.max()) / MOST_SEARCH_VOXELS)
    correlation = _Correlation(fixed, moving, spacing)
    rotations = list(rotation_grid())
    found: list[PoseCandidate] = []
    for number, rotation in enumerate(rotations):
        found.extend(correlation.best(rotation))
        progress((number + 1) / len(rotations))
    return sorted(found, key=lambda candidate: -candidate.score)[:CANDIDATES]


def rotation_grid() -> Iterator[Floats]:
    """Rotation matrices (3, 3) within `LARGEST_ROTATION_DEGREES`, evenly spread, none first."""
    reach = int(np.ceil(LARGEST_ROTATION_DEGREES / ROTATION_STEP_DEGREES)) + 1
    corners = np.array(list(product(range(-reach, reach + 1), repeat=3)), np.float64)
    vectors = np.concatenate([corners, corners + 0.5]) * ROTATION_STEP_DEGREES
    angles = np.linalg.norm(vectors, axis=1)
    for index in np.argsort(angles, kind="stable"):
        if angles[index] <= LARGEST_ROTATION_DEGREES:
            yield rotation_matrix(np.deg2rad(vectors[index]))


def rotation_matrix(vector: Floats) -> Floats:
    """Rotation (3, 3) about ``vector`` by its length in radians.

    >>> np.round(rotation_matrix(np.array([0, 0, np.pi / 2])) @ [1, 0, 0], 12).tolist()
    [0.0, 1.0, 0.0]
    """
    angle = float(np.linalg.norm(vector))
    if angle == 0:
        return np.eye(3)
    x, y, z = vector / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    rotation: Floats = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return rotation


class _Correlation:
    """The fixed scan's part of the sums, and what a rotation of the moving scan makes of them."""

    def __init__(self, fixed: Pyramid, moving: Pyramid, spacing: float) -> None:
        self._spacing = spacing
        self._fixed = fixed.cube(spacing)
        self._moving = moving
        self._directions = np.reshape(self._fixed.GetDirection(), (3, 3))
        self._box = self._moving_box(moving)
        voxels = sitk.GetArrayFromImage(self._fixed)
        self._shape = voxels.shape
        self._padded = tuple(
            _fast_length(count + box - 1) for count, box in zip(self._shape, self._box[::-1], strict=True)
        )
        cover = fixed.covers(self._fixed, sitk.Transform(3, sitk.sitkIdentity)).astype(np.float32)
        products = [values * cover for values in gradient_products(voxels, mean_gradient(voxels))]
        self._products = [self._transform(values) for values in products]
        self._energy = self._transform(products[0] + products[1] + products[2])
        self._ones = self._transform(cover)
        self._scanned = float(cover.sum())

    def _moving_box(self, moving: Pyramid) -> tuple[int, int, int]:
        """Voxels (i, j, k) along the fixed scan's axes that hold the moving scan however it is turned."""
        axes = np.abs(self._directions.T @ moving.volume.directions) @ moving.extent
        half = np.minimum(np.linalg.norm(moving.extent), axes + _MARGIN_MM)
        i, j, k = (int(count) for count in np.ceil(half / self._spacing))
        return i, j, k

    def best(self, rotation: Floats) -> list[PoseCandidate]:
        """The best translations for a rotation; a point x of the fixed scan maps to R (x - shift) + centre."""
        score = self._score(rotation)
        found = []
        for _ in range(_PER_ROTATION):
            peak = np.unravel_index(int(np.argmax(score)), score.shape)
            value = float(score[peak])
            if value <= 0:
                break
            found.append(PoseCandidate(self._matrix(rotation, peak), value))
            score[tuple(slice(max(0, at - _SUPPRESSED), at + _SUPPRESSED + 1) for at in peak)] = -1
        return found

    def _score(self, rotation: Floats) -> Voxels:
        """Agreement of the gradients for each translation in voxels (k, j, i); -1 where too little overlaps."""
        turned, cover = self._turned(rotation)
        products = [values * cover for values in gradient_products(turned, mean_gradient(turned))]
        covered = np.conj(self._transform(cover))
        energy = np.conj(self._transform(products[0] + products[1] + products[2]))
        agreement = np.zeros_like(covered)
        for weight, mine, values in zip(PRODUCT_WEIGHTS, self._products, products, strict=True):
            agreement += np.float32(weight) * mine * np.conj(self._transform(values))
        overlap = self._back(self._ones * covered)
        fixed_energy, moving_energy = self._back(self._energy * covered), self._back(self._ones * energy)
        score = self._back(agreement)
        score /= np.sqrt(np.maximum(fixed_energy, _LEAST_ENERGY) * np.maximum(moving_energy, _LEAST_ENERGY))
        smaller = min(float(cover.sum()), self._scanned)
        score[overlap < LEAST_OVERLAP * smaller] = -1
        return score

    def _turned(self, rotation: Floats) -> tuple[Voxels, Voxels]:
        """The moving scan on axes of the fixed one after the rotation, and 1 where it covers."""
        empty = grid(np.zeros(3), np.eye(3), np.full(3, self._spacing), self._box)
        place = np.eye(4)
        place[:3, :3], place[:3, 3] = rotation @ self._directions, self._moving.centre
        transform = as_transform(place)
        turned = sitk.Resample(self._moving.cube(self._spacing), empty, transform)
        cover = self._moving.covers(empty, transform).astype(np.float32)
        return sitk.GetArrayFromImage(turned), cover

    def _matrix(self, rotation: Floats, peak: tuple[np.intp, ...]) -> Matrix:
        """Moving from fixed for a rotation and a peak of the score."""
        shift = [
            int(at) if at < count else int(at) - padded
            for at, count, padded in zip(peak, self._shape, self._padded, strict=True)
        ]
        middle = (np.array(shift[::-1]) + (np.array(self._box) - 1) / 2) * self._spacing
        partner = np.array(self._fixed.GetOrigin()) + self._directions @ middle
        matrix = np.eye(4)
        matrix[:3, :3] = rotation
        matrix[:3, 3] = self._moving.centre - rotation @ partner
        return matrix

    def _transform(self, values: Voxels) -> NDArray[np.complex64]:
        return np.fft.rfftn(values, self._padded, AXES).astype(np.complex64, copy=False)

    def _back(self, values: NDArray[np.complex64]) -> Voxels:
        return np.fft.irfftn(values, self._padded, AXES).astype(np.float32, copy=False)


def mean_gradient(voxels: Voxels) -> float:
    """The mean size of a gradient's components per voxel: what lies well below is noise."""
    return float(np.mean([np.abs(component).mean() for component in np.gradient(voxels)])) + 1e-6


def gradient_products(voxels: Voxels, noise: float) -> list[Voxels]:
    """The six products xx, yy, zz, xy, xz, yz of the normalised gradient, each (k, j, i).

    A gradient counts as one when it is well above ``noise``, as nothing when it is well below.
    """
    x, y, z = normalised_gradient(voxels, noise)
    return [x * x, y * y, z * z, x * y, x * z, y * z]


def normalised_gradient(voxels: Voxels, noise: float) -> Voxels:
    """(3, k, j, i): of length near 1 well above ``noise``, near 0 well below."""
    gradient = np.gradient(voxels)
    length = np.sqrt(gradient[0] ** 2 + gradient[1] ** 2 + gradient[2] ** 2)
    scale = 1 / np.sqrt(length**2 + np.float32(noise) ** 2)
    return np.stack([component * scale for component in gradient])


def _fast_length(count: int) -> int:
    """The next length whose only factors are 2, 3 and 5."""
    while True:
        rest = count
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return count
        count += 1
