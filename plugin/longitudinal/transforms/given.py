"""A transform that somebody gives, as a matrix or as pairs of landmarks, checked before it is used."""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from longitudinal.errors import FieldError, TransformRefused
from longitudinal.geometry import affine
from longitudinal.reasons import GivenTransformRefusal, LandmarkFault
from longitudinal.transforms.error_at_place import P95_OF_RMS, LandmarkError
from longitudinal.transforms.landmarks import (
    LandmarkFit,
    LandmarkProblem,
    LandmarksRefusedError,
    fit_affine,
    fit_rigid,
)

Triple = Sequence[float]

_CODES = {
    affine.MatrixFault.SINGULAR: GivenTransformRefusal.SINGULAR,
    affine.MatrixFault.MIRRORED: GivenTransformRefusal.MIRRORED,
}
_DETAILS = {
    affine.MatrixFault.SINGULAR: "shrinks or stretches a direction more than 1,000 times",
    affine.MatrixFault.MIRRORED: "has a negative determinant: left would become right",
    affine.MatrixFault.LAST_ROW: "must end in the row 0, 0, 0, 1",
    affine.MatrixFault.TOO_FAR: f"moves the origin, in one direction or the other, by more than {affine.FARTHEST_MM:.0f} mm",
}
GIVEN_REFUSALS = (GivenTransformRefusal.BAD_MATRIX, *_CODES.values(), *(fault for fault in LandmarkFault))
"""Every code with which a matrix or landmarks can be refused."""


class GivenTransform(msgspec.Struct, frozen=True, eq=False):
    """A checked transform, and its expected error.

    Attributes
    ----------
    matrix
        (4, 4) target from source, mm.
    expected_error_mm
        For landmarks: the bound that 95 % of errors stay below at their centroid. None if unknown.
    error_source
        landmarks or declared; None beside an unknown error.
    fit
        Of landmarks.
    centroid
        (3,) of the source landmarks; None for a matrix.
    errors
        Of landmarks: the error place by place, in the source frame.
    """

    matrix: affine.Matrix
    expected_error_mm: float | None = None
    error_source: str | None = None
    fit: LandmarkFit | None = None
    centroid: NDArray[np.float64] | None = None
    errors: LandmarkError | None = None

    def errors_in_target(self) -> LandmarkError | None:
        """The same in the target frame."""
        return None if self.errors is None else self.errors.seen_from(self.matrix)


def from_matrix(rows: Sequence[Sequence[float]], declared_error_mm: float | None) -> GivenTransform:
    """Check a matrix, target from source.

    Raises
    ------
    TransformRefused
        singular, mirrored or badMatrix.
    """
    matrix = np.asarray(rows, dtype=np.float64)
    fault = affine.find_fault(matrix)
    if fault is not None:
        field = "/matrix/3" if fault is affine.MatrixFault.LAST_ROW else "/matrix"
        detail = _DETAILS.get(fault, "must be 16 finite numbers")
        raise TransformRefused(
            _CODES.get(fault, GivenTransformRefusal.BAD_MATRIX),
            f"the matrix {detail}",
            [FieldError(field, detail)],
        )
    return GivenTransform(matrix, declared_error_mm, None if declared_error_mm is None else "declared")


def from_landmarks(
    source: Sequence[Triple], target: Sequence[Triple], method: str, least_fle_mm: float
) -> GivenTransform:
    """Fit a transform to pairs of landmarks.

    Parameters
    ----------
    source, target
        (n, 3) each, LPS mm.
    method
        rigid or affine.
    least_fle_mm
        Smallest localisation error to assume: nobody clicks more exactly than a pixel, however well few pairs fit.

    Raises
    ------
    TransformRefused
        A `LandmarkFault`; every wrong landmark is named.
    """
    try:
        fit = (fit_rigid if method == "rigid" else fit_affine)(source, target)
    except LandmarksRefusedError as error:
        fields = [FieldError(_pointer(problem.field), _said(problem)) for problem in error.problems]
        raise TransformRefused(error.problems[0].fault.value, str(error), fields) from None
    centroid: NDArray[np.float64] = np.asarray(source, dtype=np.float64).mean(axis=0)
    expected = fit.expected_error_mm(centroid, least_fle_mm)
    matrix = fit.transform.matrix
    if expected is None:
        return GivenTransform(matrix, None, None, fit, centroid)
    errors = fit.error_at_place(least_fle_mm)
    return GivenTransform(matrix, P95_OF_RMS * float(expected[0]), "landmarks", fit, centroid, errors)


def _pointer(field: str) -> str:
    """`source/3` of the fit is `/landmarks/3/source` of the request."""
    side, _, number = field.partition("/")
    return f"/landmarks/{number}/{side}" if number else "/landmarks"


def _said(problem: LandmarkProblem) -> str:
    side = problem.field if problem.field in ("source", "target") else ""
    return f"{problem.fault.value}: {side + ': ' if side else ''}{problem.detail}"
