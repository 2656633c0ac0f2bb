"""Point maps through a grid of displacement vectors, and their inverse point by point.

The forward map is that of a deformable REG, ``source = Post . (Pre . x + D(x))``: from the REG's frame into
the item's (PS3.3 C.20.3.1.1). D is interpolated trilinearly between the centres of grid voxels; the standard
leaves the interpolation open (C.20.3.1.2). A point outside the grid, or beside an undefined vector, has no
image: NaN, never zero displacement. The inverse is solved for each point and never stored.
"""

from functools import cached_property
from itertools import product

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from longitudinal.dicom.registration.displacement_field import DisplacementField
from longitudinal.geometry import affine
from longitudinal.transforms.grid_storage import LARGEST_EXACT_BYTES, decode_field, encode_field

INDEX_TOLERANCE = 1e-6
"""Grid voxels; a point this close to a voxel centre or to the border is on it: rounding, not geometry."""

HALF_VOXEL = 0.5
"""A vector applies to its whole voxel: the outer half voxel is inside and has the nearest vector."""

INVERSE_TOLERANCE_MM = 1e-5
"""An inverse is accepted if its image is this close to the given point: far below any error of a field."""

FIXED_POINT_ROUNDS = 30
"""Rounds of ``x <- Pre^-1 (q - D(x))``; a field that shrinks by half each round needs 22 from 35 mm away."""

NEWTON_ROUNDS = 40
"""Rounds of damped Newton for the points where the field is too steep for the fixed point."""

_SMALLEST_STEP = 1 / 64
_FILL_ROUNDS = 8
_COARSE_VOXELS = 8000
_CORNERS = np.array(list(product((0, 1), repeat=3)))


class DisplacementGrid(msgspec.Struct, frozen=True, eq=False, dict=True):
    """The map of a deformable REG item: points of the REG's frame into the item's frame.

    An edge from the item's frame to the REG's frame uses its `inverse`.
    """

    field: DisplacementField

    @property
    def matrix(self) -> None:
        """Not linear: there is no matrix."""
        return None

    def map_points(self, points: ArrayLike) -> affine.Points:
        """Map (n, 3) points in mm; a row is NaN outside the grid and where the field is undefined."""
        registered = np.asarray(points, dtype=np.float64).reshape(-1, 3)
        moved = affine.apply(self.field.pre, registered) + self._displacements(registered)
        return affine.apply(self.field.post, moved)

    def inverse(self) -> "InverseDisplacementGrid":
        """The map from the item's frame into the REG's frame."""
        return InverseDisplacementGrid(self)

    def to_bytes(self, largest_exact: int = LARGEST_EXACT_BYTES) -> bytes:
        """Pack for the sidecar: float32 as read while that takes at most `largest_exact` bytes.

        Beyond it int16 of 0.01 mm, which changes no vector component by more than 0.005 mm; a field that int16
        cannot hold stays float32. Pass 0 for a field made by the plugin: its last digits are meaningless.
        """
        return encode_field(self.field, largest_exact)

    @classmethod
    def from_bytes(cls, data: bytes) -> "DisplacementGrid":
        """Unpack what `to_bytes` made.

        Raises
        ------
        ValueError
            The bytes are something else.
        """
        return cls(decode_field(data))

    @cached_property
    def _index_from_point(self) -> affine.Matrix:
        return affine.invert(self.field.point_from_index)

    def _displacements(self, registered: affine.Points) -> affine.Points:
        """Interpolate D at (n, 3) registered points, NaN outside the grid."""
        index = affine.apply(self._index_from_point, registered)
        last = np.array(self.field.dimensions) - 1
        reach = HALF_VOXEL + INDEX_TOLERANCE
        inside = ((index >= -reach) & (index <= last + reach)).all(axis=1)
        displacements = np.full(index.shape, np.nan)
        displacements[inside] = interpolate(self.field.vectors, index[inside])
        return displacements

    @cached_property
    def _filled(self) -> NDArray[np.float32]:
        """Vectors without NaN, only for the search: its results are checked against the real ones."""
        return _fill_undefined(self.field.vectors)

    @cached_property
    def _mean(self) -> affine.Points:
        return np.asarray(np.nanmean(self.field.vectors, axis=(0, 1, 2)), dtype=np.float64)

    def _continued(self, registered: affine.Points) -> affine.Points:
        """D, continued past the border and across undefined vectors."""
        return interpolate(self._filled, affine.apply(self._index_from_point, registered))

    def _derivative(self, registered: affine.Points) -> NDArray[np.float64]:
        """(n, 3, 3), change of the continued D for a millimetre along each axis of the patient."""
        index = affine.apply(self._index_from_point, registered)
        return _slope(self._filled, index) @ self._index_from_point[:3, :3]


class InverseDisplacementGrid(msgspec.Struct, frozen=True, eq=False, dict=True):
    """The inverse of a `DisplacementGrid`: points of the item's frame into the REG's frame."""

    forward: DisplacementGrid

    @property
    def matrix(self) -> None:
        """Not linear: there is no matrix."""
        return None

    def inverse(self) -> DisplacementGrid:
        """The map from the REG's frame into the item's frame, exactly the one this was made from."""
        return self.forward

    def map_points(self, points: ArrayLike) -> affine.Points:
        """Map (n, 3) points in mm; a row is NaN if no point of the grid maps there, or none was found.

        Where a field folds, several points map to one; the result is one of them.
        """
        source = np.asarray(points, dtype=np.float64).reshape(-1, 3)
        field = self.forward.field
        found = np.full(source.shape, np.nan)
        asked = np.isfinite(source).all(axis=1)
        if not asked.any():
            return found
        before_post = affine.apply(affine.invert(field.post), source[asked])
        registered = self._fixed_point(before_post)
        missed = self._misses(registered, before_post)
        if missed.any():
            # the fixed point can converge on the field's continuation past the border: that is not a solution either
            registered[missed] = self._newton(before_post[missed])
            registered[self._misses(registered, before_post)] = np.nan
        found[asked] = registered
        return found

    def _misses(self, registered: affine.Points, before_post: affine.Points) -> NDArray[np.bool_]:
        """Which points the field itself, without any continuation, does not map onto the given points."""
        reached = affine.apply(self.forward.field.pre, registered) + self.forward._displacements(registered)
        missed: NDArray[np.bool_] = ~(np.linalg.norm(reached - before_post, axis=1) <= INVERSE_TOLERANCE_MM)
        return missed

    def _fixed_point(self, before_post: affine.Points) -> affine.Points:
        """Solve ``Pre . x + D(x) = q`` by ``x <- Pre^-1 (q - D(x))``; unchecked."""
        pre_inverse = affine.invert(self.forward.field.pre)
        registered = affine.apply(pre_inverse, before_post - self.forward._mean)
        open_ = np.arange(len(registered))
        for _ in range(FIXED_POINT_ROUNDS):
            displacements = self.forward._continued(registered[open_])
            better = affine.apply(pre_inverse, before_post[open_] - displacements)
            step = np.linalg.norm(better - registered[open_], axis=1)
            registered[open_] = better
            open_ = open_[step > INVERSE_TOLERANCE_MM / 10]
            if open_.size == 0:
                break
        return registered

    def _newton(self, before_post: affine.Points) -> affine.Points:
        """Damped Newton from the grid voxel whose image is nearest, each point with its own step length."""
        best = np.array([self._nearest_voxel(point) for point in before_post])
        residual = self._residual(best, before_post)
        open_ = np.arange(len(best))
        for _ in range(NEWTON_ROUNDS):
            jacobian = self.forward.field.pre[:3, :3] + self.forward._derivative(best[open_])
            # no step after an overflow
            is_number = np.isfinite(jacobian).all(axis=(1, 2)) & np.isfinite(residual[open_]).all(axis=1)
            open_, jacobian = open_[is_number], jacobian[is_number]
            if open_.size == 0:
                break
            error = np.linalg.norm(residual[open_], axis=1)
            # the pseudo-inverse gives a step even where the field is folded flat: no point stops the others
            step = np.einsum("nij,nj->ni", np.linalg.pinv(jacobian), residual[open_])
            tried, left = self._damped_step(best[open_], step, error, before_post[open_])
            best[open_], residual[open_] = tried, left
            left_error = np.linalg.norm(left, axis=1)
            open_ = open_[(left_error > INVERSE_TOLERANCE_MM / 10) & (left_error < error)]
            if open_.size == 0:
                break
        return best

    def _nearest_voxel(self, point: affine.Points) -> affine.Points:
        voxels, images = self._coarse_voxels
        nearest: affine.Points = voxels[np.argmin(((images - point) ** 2).sum(axis=1))]
        return nearest

    @cached_property
    def _coarse_voxels(self) -> tuple[affine.Points, affine.Points]:
        """Some thousand defined grid voxels, evenly spread, and ``Pre . x + D(x)`` of each."""
        field = self.forward.field
        stride = max(1, round((np.prod(field.dimensions) / _COARSE_VOXELS) ** (1 / 3)))
        k, j, i = np.nonzero(~np.isnan(field.vectors[::stride, ::stride, ::stride, 0]))
        index = np.stack([i, j, k], axis=1) * stride
        if not len(index):
            index = np.argwhere(~np.isnan(field.vectors[..., 0]))[:, ::-1]
        if not len(index):
            return np.zeros((1, 3)), np.full((1, 3), np.nan)
        voxels = affine.apply(field.point_from_index, index)
        vectors = field.vectors[index[:, 2], index[:, 1], index[:, 0]]
        return voxels, affine.apply(field.pre, voxels) + vectors

    def _damped_step(
        self,
        start: affine.Points,
        step: affine.Points,
        error: NDArray[np.float64],
        before_post: affine.Points,
    ) -> tuple[affine.Points, affine.Points]:
        """Halve each point's step until its residual shrinks, or the step is as small as it gets."""
        scale = np.ones(len(start))
        while True:
            tried = start - scale[:, None] * step
            residual = self._residual(tried, before_post)
            worse = (np.linalg.norm(residual, axis=1) > error) & (scale > _SMALLEST_STEP)
            if not worse.any():
                return tried, residual
            scale[worse] /= 2

    def _residual(self, registered: affine.Points, before_post: affine.Points) -> affine.Points:
        moved = affine.apply(self.forward.field.pre, registered) + self.forward._continued(registered)
        return moved - before_post


def _cells(
    vectors: NDArray[np.float32], index: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Look up the eight vectors around fractional 0-based (i, j, k), (n, 3), clamped to the outermost centres.

    Returns
    -------
    at_corner
        (n, 8, 3) vectors; NaN if the index is NaN, which is outside the grid.
    parts
        (n, 8, 3) weight of each corner along each axis; their product is its weight.
    free
        (n, 3) whether the index can move along an axis without being clamped.
    """
    last = np.array(vectors.shape[2::-1]) - 1
    is_somewhere = np.asarray(np.isfinite(index).all(axis=1))
    index = np.where(is_somewhere[:, None], index, 0.0)
    nearest = np.rint(index)
    snapped = np.where(np.abs(index - nearest) <= INDEX_TOLERANCE, nearest, index)
    clamped = np.minimum(np.maximum(snapped, 0), last)
    low = np.minimum(np.floor(clamped), np.maximum(last - 1, 0)).astype(np.intp)
    fraction = (clamped - low)[:, None, :]
    corner = np.minimum(low[:, None, :] + _CORNERS, last)
    at_corner = vectors[corner[..., 2], corner[..., 1], corner[..., 0]].astype(np.float64)
    at_corner[~is_somewhere] = np.nan
    parts = np.where(_CORNERS, fraction, 1 - fraction)
    return at_corner, parts, (snapped == clamped) & (last > 0)


def interpolate(vectors: NDArray[np.float32], index: NDArray[np.float64]) -> affine.Points:
    """Trilinear value at (n, 3) fractional (i, j, k); NaN where a vector that has any weight is NaN."""
    at_corner, parts, _ = _cells(vectors, index)
    weights = parts.prod(axis=2)[..., None]
    values: affine.Points = np.where(weights > 0, weights * at_corner, 0.0).sum(axis=1)
    return values


def _slope(vectors: NDArray[np.float32], index: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 3, 3), change of component a for one grid voxel along axis b; 0 along an axis that is clamped."""
    at_corner, parts, free = _cells(vectors, index)
    slope = np.empty((len(index), 3, 3))
    for axis in range(3):
        others = np.delete(parts, axis, axis=2).prod(axis=2)
        signed = np.where(_CORNERS[:, axis], others, -others) * free[:, axis, None]
        slope[:, :, axis] = np.einsum("nc,nca->na", signed, at_corner)
    return slope


def _fill_undefined(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Extend the field some voxels into its holes by the mean of neighbours; the rest gets the mean of all."""
    undefined = np.isnan(vectors[..., 0])
    if not undefined.any():
        return vectors
    filled = np.pad(vectors, ((1, 1), (1, 1), (1, 1), (0, 0)), constant_values=np.nan)
    inner = filled[1:-1, 1:-1, 1:-1]
    for _ in range(_FILL_ROUNDS):
        total, count = np.zeros_like(inner), np.zeros(inner.shape[:3], dtype=np.float32)
        for axis, shift in product(range(3), (-1, 1)):
            neighbour = np.roll(filled, shift, axis=axis)[1:-1, 1:-1, 1:-1]
            defined = ~np.isnan(neighbour[..., 0])
            total[defined] += neighbour[defined]
            count += defined
        grown = np.isnan(inner[..., 0]) & (count > 0)
        inner[grown] = total[grown] / count[grown, None]
    rest = np.isnan(inner[..., 0])
    inner[rest] = np.nanmean(vectors, axis=(0, 1, 2))
    return np.ascontiguousarray(inner)
