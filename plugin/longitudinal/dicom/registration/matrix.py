"""The Frame of Reference Transformation Matrix (3006,00C6) of a registration object.

A matrix is sixteen decimal strings in row-major order (PS3.3 C.20.2.1.1). Values of other software are
read from the bytes: no rounding, and no exception for text that is not a number.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.datadict import dictionary_VR

from longitudinal.geometry import affine
from longitudinal.reasons import RegistrationRefusal

MATRIX_TYPES = ("RIGID", "RIGID_SCALE", "AFFINE")

_REFUSAL_OF_FAULT = {
    affine.MatrixFault.SHAPE: (RegistrationRefusal.BAD_MATRIX, "the matrix does not have 16 values"),
    affine.MatrixFault.NOT_FINITE: (
        RegistrationRefusal.BAD_MATRIX,
        "the matrix has a value that is not finite",
    ),
    affine.MatrixFault.LAST_ROW: (
        RegistrationRefusal.BAD_MATRIX,
        "the last row of the matrix is not 0, 0, 0, 1",
    ),
    affine.MatrixFault.TOO_FAR: (
        RegistrationRefusal.BAD_MATRIX,
        f"the matrix or its inverse moves the origin by more than {affine.FARTHEST_MM:.0f} mm",
    ),
    affine.MatrixFault.SINGULAR: (RegistrationRefusal.SINGULAR, "the matrix has no usable inverse"),
    affine.MatrixFault.MIRRORED: (RegistrationRefusal.MIRRORED, "the determinant of the matrix is negative"),
}


class RefusedError(Exception):
    """Raised inside the readers; never leaves `longitudinal.dicom`."""

    def __init__(self, refusal: RegistrationRefusal, detail: str) -> None:
        super().__init__(detail)
        self.refusal = refusal
        self.detail = detail


def value_of(dataset: Dataset, keyword: str) -> Any:
    """The value of an attribute; None when it is absent or pydicom cannot read it."""
    try:
        return dataset.get(keyword)
    except Exception:  # pydicom reads lazily, and can raise almost anything on damaged bytes
        return None


def items(dataset: Dataset, keyword: str) -> list[Dataset]:
    """Items of a sequence; an absent, empty or wrongly encoded one has none."""
    value = value_of(dataset, keyword)
    if value is None or isinstance(value, str | bytes) or not isinstance(value, Iterable):
        return []
    return [item for item in value if isinstance(item, Dataset)]


def text(dataset: Dataset, keyword: str) -> str | None:
    """A string value without its padding; None when absent or empty."""
    value = value_of(dataset, keyword)
    stripped = "" if value is None else str(value).strip(" \0")
    return stripped or None


def numbers(dataset: Dataset, keyword: str) -> NDArray[np.float64]:
    """Numbers of an attribute, (n,) float64; those of a DS as written, text that is not a number as NaN."""
    return np.array([_number(value) for value in _raw_values(dataset, keyword)], dtype=np.float64)


def _raw_values(dataset: Dataset, keyword: str) -> Sequence[Any]:
    if keyword not in dataset:
        return []
    if dictionary_VR(keyword) == "DS":
        value: Any = dataset.get_item(keyword).value
        value = value.decode("ascii", errors="replace") if isinstance(value, bytes) else value
    else:
        value = value_of(dataset, keyword)
    if isinstance(value, str):
        return value.split("\\")
    if value is None:
        return []
    return list(value) if isinstance(value, Iterable) else [value]


def _number(value: Any) -> float:
    try:
        return float(value.strip(" \0") if isinstance(value, str) else value)
    except (ValueError, TypeError, OverflowError):
        return float("nan")


def read_matrix(item: Dataset) -> affine.Matrix:
    """Read one item that holds a Frame of Reference Transformation Matrix.

    Returns
    -------
    (4, 4) float64, target from source, mm.

    Raises
    ------
    RefusedError
        ``badMatrix``, ``singular`` or ``mirrored``.
    """
    values = numbers(item, "FrameOfReferenceTransformationMatrix")
    if values.size != 16:
        raise RefusedError(
            RegistrationRefusal.BAD_MATRIX, f"the matrix has {values.size} values, 16 are needed"
        )
    matrix = values.reshape(4, 4)
    check_matrix(matrix)
    matrix[3] = (0.0, 0.0, 0.0, 1.0)
    return matrix


def check_matrix(matrix: affine.Matrix) -> None:
    """Refuse a matrix that is not a usable point map.

    Raises
    ------
    RefusedError
        ``badMatrix``, ``singular`` or ``mirrored``.
    """
    fault = affine.find_fault(matrix)
    if fault is not None:
        raise RefusedError(*_REFUSAL_OF_FAULT[fault])


def read_matrix_sequence(item: Dataset) -> tuple[affine.Matrix, str | None]:
    """Compose the Matrix Sequence (0070,030A) of a Registration Sequence item.

    With M1, M2, M3 the first, second and third item the map is ``M3 . M2 . M1``: the first item is applied
    first (PS3.3 C.20.2.1.1, equation C.20.2-2).

    Returns
    -------
    registered_from_source
        (4, 4) float64, mm.
    matrix_type
        The loosest type that any of the matrices declares, None when one declares nothing known.

    Raises
    ------
    RefusedError
        ``noRegistration``, ``badMatrix``, ``singular`` or ``mirrored``.
    """
    registrations = items(item, "MatrixRegistrationSequence")
    if len(registrations) > 1:
        raise RefusedError(
            RegistrationRefusal.BAD_MATRIX,
            "the item has several matrix registrations, the standard allows one",
        )
    parts = items(registrations[0], "MatrixSequence") if registrations else []
    if not parts:
        raise RefusedError(RegistrationRefusal.NO_REGISTRATION, "the item has no matrix")
    matrix = affine.compose(*(read_matrix(part) for part in reversed(parts)))
    check_matrix(matrix)
    return matrix, _loosest([text(part, "FrameOfReferenceTransformationMatrixType") for part in parts])


def _loosest(declared: Sequence[str | None]) -> str | None:
    ranks = [MATRIX_TYPES.index(name) if name in MATRIX_TYPES else None for name in declared]
    known = [rank for rank in ranks if rank is not None]
    return MATRIX_TYPES[max(known)] if len(known) == len(ranks) else None


def declared_type_mismatch(matrix: affine.Matrix, declared: str | None) -> str:
    """How a matrix contradicts its declared type; empty if it does not (PS3.3 C.20.2.1.2).

    The numbers are the result of the registration, so such a matrix is used as an affine map, with this remark.
    """
    if declared == "RIGID" and not affine.is_rigid(matrix):
        return "declared RIGID, but it does not preserve distances: used as affine"
    if declared == "RIGID_SCALE" and not affine.is_rigid_scale(matrix):
        return "declared RIGID_SCALE, but it shears: used as affine"
    return ""
