"""A volume at the resolutions registration works at, as SimpleITK images with grey values from 0 to 1.

SimpleITK's patient coordinates are DICOM's: LPS, mm.
"""

from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from longitudinal.dicom.registration.displacement_field import DisplacementField
from longitudinal.geometry.affine import Matrix
from longitudinal.registration.volume import Floats, Volume

Image = Any
"""SimpleITK has no type information."""

WINDOW_PERCENT = (1.0, 99.5)
"""Grey values clipped to: a metal clip or a bright vessel must not squeeze all tissue into one bin."""

_SAMPLE_STEP = 3
"""Percentiles come from every third voxel along each axis: one in 27 of millions."""

_COARSE_MM = 6.0
_LEAST_VOXELS = 4
"""Along each axis of an image; SimpleITK's filters refuse fewer."""


class Pyramid:
    """Images of one volume; each is made once, the finest at once."""

    def __init__(self, volume: Volume) -> None:
        self.volume = volume
        self._image = _placed(sitk.GetImageFromArray(_windowed(volume)), volume)
        self._mask = None
        if volume.covered is not None:
            self._mask = _placed(sitk.GetImageFromArray(volume.covered.view(np.uint8)), volume)
        self._scanned: Image | None = None
        self._levels: dict[tuple[int, ...], tuple[Image, Image | None]] = {}
        self._cubes: dict[float, Image] = {}

    def level(self, spacing: float) -> tuple[Image, Image | None]:
        """Image and mask (None: all covered) with voxels up to ``spacing`` mm, by averaging whole voxels.

        An axis that is coarser by itself stays as it is: nothing is invented between thick slices.
        """
        factors = tuple(
            max(1, min(int(spacing / step + 1e-3), count // _LEAST_VOXELS))
            for step, count in zip(self._image.GetSpacing(), self._image.GetSize(), strict=True)
        )
        if factors not in self._levels:
            self._levels[factors] = self._shrunk(factors)
        return self._levels[factors]

    def cube(self, spacing: float) -> Image:
        """Image with voxels of exactly ``spacing`` mm along each axis; 0 where nothing was scanned."""
        if spacing not in self._cubes:
            image, _ = self.level(spacing)
            self._cubes[spacing] = sitk.Resample(
                image, cubic_grid(image, spacing), sitk.Transform(3, sitk.sitkIdentity), sitk.sitkLinear, 0.0
            )
        return self._cubes[spacing]

    def covers(self, grid_image: Image, transform: sitk.Transform) -> NDArray[np.bool_]:
        """Which voxels (k, j, i) of a grid map onto scanned voxels; ``transform`` maps points of it into this scan."""
        if self._scanned is None:
            self._scanned = self._mask
        if self._scanned is None:
            coarse = self.level(_COARSE_MM)[0]
            self._scanned = sitk.Image(coarse.GetSize(), sitk.sitkUInt8) + 1
            self._scanned.CopyInformation(coarse)
        sampled = sitk.Resample(self._scanned, grid_image, transform, sitk.sitkNearestNeighbor, 0)
        return np.asarray(sitk.GetArrayViewFromImage(sampled) > 0)

    @property
    def centre(self) -> Floats:
        """(3,) LPS mm."""
        middle = [(count - 1) / 2 for count in self._image.GetSize()]
        return np.array(self._image.TransformContinuousIndexToPhysicalPoint(middle))

    @property
    def extent(self) -> Floats:
        """(3,) mm along i, j, k, outer halves of the voxels included."""
        return np.array(self.volume.size) * self.volume.spacing

    def _shrunk(self, factors: tuple[int, ...]) -> tuple[Image, Image | None]:
        if max(factors) == 1:
            return self._image, self._mask
        image = sitk.BinShrink(self._image, factors)
        if self._mask is None:
            return image, None
        covered = sitk.BinShrink(sitk.Cast(self._mask, sitk.sitkFloat32), factors)
        return image, sitk.Cast(covered >= 1 - 1e-3, sitk.sitkUInt8)


def cubic_grid(image: Image, spacing: float) -> Image:
    """An empty image over the same extent with voxels of exactly ``spacing`` mm."""
    extent = np.array(image.GetSize()) * image.GetSpacing()
    size = np.maximum(_LEAST_VOXELS, np.round(extent / spacing)).astype(int)
    centre = image.TransformContinuousIndexToPhysicalPoint([(count - 1) / 2 for count in image.GetSize()])
    directions = np.reshape(image.GetDirection(), (3, 3))
    return grid(np.array(centre), directions, np.full(3, spacing), size)


def grid(centre: Floats, directions: Floats, spacing: Floats, size: Any) -> Image:
    """An empty image of ``size`` voxels (i, j, k) around ``centre``, LPS mm."""
    empty = sitk.Image([int(count) for count in size], sitk.sitkUInt8)
    empty.SetSpacing([float(step) for step in spacing])
    empty.SetDirection(directions.ravel().tolist())
    corner = centre - directions @ ((np.asarray(size) - 1) / 2 * spacing)
    empty.SetOrigin(corner.tolist())
    return empty


def as_transform(matrix: Matrix) -> Any:
    """A point map (4, 4) as a SimpleITK transform; ``Resample(moving, fixed grid, moving_from_fixed)``."""
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(matrix[:3, :3].ravel().tolist())
    transform.SetTranslation(matrix[:3, 3].tolist())
    return transform


def image_transform(matrix: Matrix, field: DisplacementField | None) -> sitk.Transform:
    """A point map for resampling: the matrix, or the field with the matrices around it."""
    if field is None:
        return as_transform(matrix)
    displacements = sitk.GetImageFromArray(field.vectors.astype(np.float64), isVector=True)
    displacements.SetOrigin(field.position.tolist())
    displacements.SetSpacing(field.resolution.tolist())
    displacements.SetDirection((field.point_from_index[:3, :3] / field.resolution).ravel().tolist())
    # SimpleITK applies the last one added first
    return sitk.CompositeTransform([as_transform(field.post), sitk.DisplacementFieldTransform(displacements)])


def _windowed(volume: Volume) -> Any:
    """Voxels (k, j, i) stretched to 0..1 between the percentiles of what was scanned."""
    sample = volume.voxels[::_SAMPLE_STEP, ::_SAMPLE_STEP, ::_SAMPLE_STEP]
    if volume.covered is not None:
        sample = sample[volume.covered[::_SAMPLE_STEP, ::_SAMPLE_STEP, ::_SAMPLE_STEP]]
    low, high = np.percentile(sample, WINDOW_PERCENT)
    if not high > low:
        low, high = float(volume.voxels.min()), float(volume.voxels.max())
    windowed = volume.voxels - np.float32(low)
    windowed *= np.float32(1 / (high - low))
    return np.clip(windowed, 0, 1, out=windowed)


def _placed(image: Image, volume: Volume) -> Image:
    image.SetOrigin(volume.origin.tolist())
    image.SetSpacing(volume.spacing.tolist())
    image.SetDirection(volume.directions.ravel().tolist())
    return image
