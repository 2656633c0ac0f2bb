"""Made-up anatomy: blobs in a body, sampled on any grid of any frame, so that the truth is known exactly."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from longitudinal.dicom.planes.contrast import Contrast
from longitudinal.geometry import affine
from longitudinal.registration.search import rotation_matrix
from longitudinal.registration.volume import Volume

MR = Contrast("MR", 500.0, 10.0)
BODY_MM = np.array([70.0, 85.0, 60.0])
"""Half axes of the body."""


@dataclass(frozen=True, eq=False)
class Body:
    """Blobs inside an ellipsoid; `value` gives its brightness anywhere, mm of its own frame."""

    centres: NDArray[np.float64]
    widths: NDArray[np.float64]
    heights: NDArray[np.float64]

    @classmethod
    def random(cls, seed: int, blobs: int = 60) -> "Body":
        rng = np.random.default_rng(seed)
        directions = rng.normal(size=(blobs, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        centres = directions * rng.uniform(0, 0.9, (blobs, 1)) ** (1 / 3) * BODY_MM
        return cls(centres, rng.uniform(5, 14, blobs), rng.uniform(-0.8, 1.0, blobs))

    def value(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Brightness (...) at points (..., 3)."""
        radius = np.linalg.norm(points / BODY_MM, axis=-1)
        inside = 1 / (1 + np.exp((radius - 1) * 30))
        value = np.ones(points.shape[:-1])
        for centre, width, height in zip(self.centres, self.widths, self.heights, strict=True):
            value += height * np.exp(-(((points - centre) / width) ** 2).sum(axis=-1) / 2)
        return 500 * inside * np.clip(value, 0.1, None)


def scan(
    body: Body,
    body_from_frame: affine.Matrix | None = None,
    *,
    spacing: tuple[float, float, float] = (4.0, 4.0, 4.0),
    size: tuple[int, int, int] = (45, 50, 40),
    noise: float = 8.0,
    contrast: Contrast = MR,
    seed: int = 0,
) -> Volume:
    """Scan a body whose frame is seen through a point map, on a grid around the middle of the body."""
    frame = np.eye(4) if body_from_frame is None else body_from_frame
    middle = affine.apply(affine.invert(frame), np.zeros(3))
    origin = middle - (np.array(size) - 1) / 2 * spacing
    k, j, i = np.indices(size[::-1])
    points = origin + np.stack([i, j, k], axis=-1) * spacing
    voxels = body.value(affine.apply(frame, points))
    voxels += np.random.default_rng(seed).normal(scale=noise, size=voxels.shape)
    return Volume(voxels.astype(np.float32), None, origin, np.eye(3), np.array(spacing), contrast)


def motion(translation: tuple[float, float, float], degrees: tuple[float, float, float]) -> affine.Matrix:
    """A rigid map: a turn about an axis, then a shift."""
    matrix = np.eye(4)
    matrix[:3, :3] = rotation_matrix(np.deg2rad(np.array(degrees, dtype=np.float64)))
    matrix[:3, 3] = translation
    return matrix


def mean_error(found: affine.Matrix, truth: affine.Matrix) -> float:
    """Mean distance in mm between where two maps put points spread over the body."""
    points = np.random.default_rng(5).uniform(-0.8, 0.8, (200, 3)) * BODY_MM
    return float(np.linalg.norm(affine.apply(found, points) - affine.apply(truth, points), axis=1).mean())


def mirrored(volume: Volume) -> Volume:
    """The same scan with left and right swapped."""
    return replace(volume, voxels=np.ascontiguousarray(volume.voxels[:, :, ::-1]))


BODY = Body.random(1)
MOTION = motion((35.0, -50.0, 22.0), (18.0, -9.0, 26.0))
NEAR_MOTION = motion((4.0, -3.0, 2.0), (3.0, -3.0, 3.0)) @ MOTION
"""Where a person might start: 6 mm and 5 degrees off."""
