"""A scan as neighbourhoods are cut from it, to be kept in memory: nothing finer than the voxels they are registered at."""

from dataclasses import replace

import numpy as np
import SimpleITK as sitk

from longitudinal.registration.pyramid import Image, Pyramid


class KeptPyramid(Pyramid):
    """The level of ``spacing`` mm of another pyramid: that level, and what it covers, are the same here.

    Of a scan of 1 mm an eighth of the memory for a spacing of 2. Its volume has that level's voxels, 0 to 1.
    """

    def __init__(self, whole: Pyramid, spacing: float) -> None:
        self._image, self._mask = whole.level(spacing)
        self._levels: dict[tuple[int, ...], tuple[Image, Image | None]] = {}
        self._cubes: dict[float, Image] = {}
        whole.covers(
            self._image, sitk.Transform(3, sitk.sitkIdentity)
        )  # it makes what tells that on the first call
        self._scanned = whole._scanned
        mask = None if self._mask is None else sitk.GetArrayViewFromImage(self._mask)
        self.volume = replace(
            whole.volume,
            voxels=sitk.GetArrayViewFromImage(self._image),
            covered=None if mask is None else mask.view(np.bool_),
            origin=np.array(self._image.GetOrigin()),
            spacing=np.array(self._image.GetSpacing()),
        )

    @property
    def nbytes(self) -> int:
        """Of its images."""
        images = {id(image): image for image in (self._image, self._mask, self._scanned) if image is not None}
        return sum(image.GetNumberOfPixels() * image.GetSizeOfPixelComponent() for image in images.values())
