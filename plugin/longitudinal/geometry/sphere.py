"""The voxels of a stack whose centres are in a sphere; numpy only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from longitudinal.geometry.image_plane import Planes, normals, patient_from_pixel, pixel_from_patient
from longitudinal.geometry.stack import GAP_FACTOR

Floats = NDArray[np.float64]

RIM_MM = 1e-6
"""A voxel centre exactly on the sphere belongs to it, whatever the rounding of decimal strings says."""

REAL, BEYOND, MISSING = 0, 1, 2
"""A plane of the stack; one that there would be beyond its ends; one that is missing within it."""

DIRECTIONS: Floats = np.array(
    [(x, y, z) for x in (-1, 0, 1) for y in (-1, 0, 1) for z in (-1, 0, 1) if (x, y, z) != (0, 0, 0)],
    np.float64,
)
DIRECTIONS /= np.linalg.norm(DIRECTIONS, axis=1)[:, np.newaxis]
"""(26, 3) unit vectors: to the faces, edges and corners of a cube along the axes of the patient."""


@dataclass(frozen=True, slots=True)
class SpherePlanes:
    """The planes that a sphere may have voxels on, and those that it would have some on if there were any.

    Attributes
    ----------
    planes : array of `PLANE`, shape (k,)
    kind : ndarray of int, shape (k,)
        `REAL`, `BEYOND` or `MISSING`.
    source : ndarray of int, shape (k,)
        Index into the planes of the stack; -1 for a plane that there is not.
    """

    planes: Planes
    kind: NDArray[np.intp]
    source: NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Disc:
    """The voxels of one plane within a sphere: 0-based rows and columns (n,), and how many more are off the image."""

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    outside: int


def planes_of_sphere(stack: Planes, centre: Floats, radius_mm: float) -> SpherePlanes:
    """Find the planes of a stack that a sphere reaches, and the gaps that it reaches into.

    Parameters
    ----------
    stack : array of `PLANE`, shape (n,)
        In order along the normal.
    centre : (3,)
        LPS mm.
    """
    _, _, distance = pixel_from_patient(stack, centre)
    reached = np.flatnonzero(np.abs(distance) <= radius_mm + RIM_MM)
    found = [(stack[at], REAL, int(at)) for at in reached.tolist()]
    found += [(plane, kind, -1) for plane, kind in _absent(stack, centre, radius_mm)]
    return SpherePlanes(
        np.array([plane for plane, _, _ in found], stack.dtype),
        np.array([kind for _, kind, _ in found], np.intp),
        np.array([source for _, _, source in found], np.intp),
    )


def disc(plane: Planes, centre: Floats, radius_mm: float) -> Disc:
    """Find the voxel centres of one plane (shape ()) within a sphere: whole voxels, by their centres alone.

    >>> from longitudinal.geometry.image_plane import PLANE
    >>> plane = np.zeros((), PLANE)
    >>> plane["orientation"], plane["spacing"], plane["rows"], plane["columns"] = (1, 0, 0, 0, 1, 0), 1.0, 9, 9
    >>> found = disc(plane, np.array([0.0, 4.0, 0.0]), 1.0)
    >>> found.rows.tolist(), found.columns.tolist(), found.outside
    ([3, 4, 4, 5], [0, 0, 1, 0], 1)
    """
    row, column, _ = (float(value) for value in pixel_from_patient(plane, centre))
    # A little more than the radius: the directions of rows and columns may be off a right angle by some per cent.
    reach = 1.1 * radius_mm / plane["spacing"] + 1.0
    rows = np.arange(np.ceil(row - reach[0]), np.floor(row + reach[0]) + 1)
    columns = np.arange(np.ceil(column - reach[1]), np.floor(column + reach[1]) + 1)
    offsets = patient_from_pixel(plane, rows[:, np.newaxis], columns) - centre
    within = np.einsum("ijk,ijk->ij", offsets, offsets) <= (radius_mm + RIM_MM) ** 2
    at_row, at_column = np.nonzero(within)
    row_numbers, column_numbers = rows[at_row].astype(np.intp), columns[at_column].astype(np.intp)
    inside = (
        (row_numbers >= 0)
        & (row_numbers < int(plane["rows"]))
        & (column_numbers >= 0)
        & (column_numbers < int(plane["columns"]))
    )
    return Disc(row_numbers[inside], column_numbers[inside], int((~inside).sum()))


def _absent(stack: Planes, centre: Floats, radius_mm: float) -> Iterator[tuple[np.void, int]]:
    """Planes that the stack does not have, where it would have them if it went on as it is."""
    normal = normals(stack[:1])[0]
    offsets = stack["position"] @ normal
    gaps = np.diff(offsets)
    gap = float(np.median(gaps)) if len(gaps) else float(np.nan_to_num(stack["slice_thickness"][0]))
    if not gap > 0:
        gap = radius_mm  # a single plane of unknown thickness is thinner than any sphere
    lowest, highest = float(centre @ normal) - radius_mm - RIM_MM, float(centre @ normal) + radius_mm + RIM_MM
    for at, step in ((0, -gap), (len(stack) - 1, gap)):
        offset = offsets[at] + step
        while lowest <= offset <= highest:
            yield _moved(stack[at], normal * (offset - offsets[at])), BEYOND
            offset += step
    for at in np.flatnonzero(gaps > GAP_FACTOR * gap).tolist():
        offset = offsets[at] + gap
        while offset < offsets[at + 1] - gap / 2:
            if lowest <= offset <= highest:
                yield _moved(stack[at], normal * (offset - offsets[at])), MISSING
            offset += gap


def _moved(plane: np.void, by: Floats) -> np.void:
    copy = plane.copy()
    copy["position"] = copy["position"] + by
    return copy
