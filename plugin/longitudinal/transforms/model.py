"""Point maps between two frames, all behind one small protocol.

A transform does not know its frames; its edge does. Points are LPS, mm, float64.
"""

from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import ArrayLike

from longitudinal.geometry import affine


class Transform(Protocol):
    """A map of points from a source frame into a target frame."""

    @property
    def matrix(self) -> affine.Matrix | None:
        """(4, 4) target from source; None when the map is not linear."""

    def map_points(self, points: ArrayLike) -> affine.Points:
        """Map (n, 3) points in mm; a row is NaN where the map does not reach ("outsideTransform")."""

    def inverse(self) -> "Transform":
        """The map from target to source."""


@dataclass(frozen=True, eq=False)
class Affine:
    """A 4x4 matrix, target from source.

    Raises
    ------
    ValueError
        The matrix is not a usable point map; the message is a `MatrixFault`.

    >>> Affine(np.diag([2.0, 1.0, 1.0, 1.0])).inverse().map_points([[4.0, 1.0, 1.0]]).tolist()
    [[2.0, 1.0, 1.0]]
    """

    target_from_source: affine.Matrix

    def __post_init__(self) -> None:
        matrix = np.array(self.target_from_source, dtype=np.float64)
        fault = affine.find_fault(matrix)
        if fault is not None:
            raise ValueError(fault.value)
        matrix.setflags(write=False)
        object.__setattr__(self, "target_from_source", matrix)

    @property
    def matrix(self) -> affine.Matrix:
        """(4, 4) target from source."""
        return self.target_from_source

    def map_points(self, points: ArrayLike) -> affine.Points:
        """Map (n, 3) points in mm; NaN rows stay NaN."""
        return affine.apply(self.target_from_source, points)

    def inverse(self) -> Self:
        """The map from target to source."""
        # Not checked again: at the limits rounding could refuse the inverse of an accepted matrix.
        inverse = object.__new__(type(self))
        matrix = affine.invert(self.target_from_source)
        matrix.setflags(write=False)
        object.__setattr__(inverse, "target_from_source", matrix)
        return inverse


class Rigid(Affine):
    """An `Affine` that keeps distances.

    Raises
    ------
    ValueError
        The matrix is not rigid within `affine.RIGID_TOLERANCE`.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if not affine.is_rigid(self.target_from_source):
            raise ValueError("notRigid")


def linear(target_from_source: affine.Matrix) -> Affine:
    """A `Rigid` if the matrix is rigid, otherwise an `Affine`."""
    rigid = np.shape(target_from_source) == (4, 4) and affine.is_rigid(np.asarray(target_from_source))
    return Rigid(target_from_source) if rigid else Affine(target_from_source)
