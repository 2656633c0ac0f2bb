"""The stacks of a patient that could be registered at all, and how well two of them fit together."""

import math
from collections.abc import Callable

import msgspec
import numpy as np
from numpy.typing import NDArray

from longitudinal.alignment.acquisition import Acquisition
from longitudinal.geometry.image_plane import patient_from_pixel
from longitudinal.patients.patient_index import PatientIndex

VOLUME_MODALITIES = frozenset({"CT", "MR", "PT", "NM"})
"""Modalities of slices with their own contrast; ultrasound has no geometry."""

LEAST_PLANES = 4
"""With fewer planes the extent along their normal is too small for a search."""

LEAST_EXTENT_MM = 20.0
"""A smaller part of a body cannot be distinguished from another."""

AcquisitionOf = Callable[[str], Acquisition]
"""The acquisition of a series, by the Orthanc id of one of its instances."""


class StackCandidate(msgspec.Struct, frozen=True, eq=False):
    """A stack of images that may represent its study.

    Attributes
    ----------
    stack, series, study
        Its numbers in the `PatientIndex`.
    extent_mm
        (3,) of its bounding box along the axes of the patient.
    instance
        Orthanc id of its first instance.
    """

    stack: int
    series: int
    study: int
    frame: str
    modality: str
    extent_mm: NDArray[np.float64]
    voxel_mm3: float
    is_original: bool
    instance: str


def find_candidates(index: PatientIndex) -> list[StackCandidate]:
    """Every stack of images that is a volume, in the order of the index."""
    found = []
    for stack in range(len(index.stack_study)):
        if not index.stack_is_image[stack] or index.stack_modality[stack] not in VOLUME_MODALITIES:
            continue
        candidate = _candidate(index, stack)
        if candidate is not None:
            found.append(candidate)
    return found


def _candidate(index: PatientIndex, stack: int) -> StackCandidate | None:
    start, end = (int(value) for value in index.stack_set.start[stack : stack + 2])
    if end - start < LEAST_PLANES:
        return None
    extent = _extent(index.stack_set.planes[[start, end - 1]])
    if extent.min() < LEAST_EXTENT_MM:
        return None
    series = int(index.stack_series[stack])
    return StackCandidate(
        stack=stack,
        series=series,
        study=int(index.stack_study[stack]),
        frame=index.frames[int(index.stack_frame[stack])],
        modality=str(index.stack_modality[stack]),
        extent_mm=extent,
        voxel_mm3=float(index.stack_voxel[stack]),
        is_original=bool(index.stack_is_original[stack]),
        instance=index.series[series].orthanc_ids[int(index.plane_instance[start])],
    )


def _extent(ends: NDArray[np.void]) -> NDArray[np.float64]:
    """The bounding box of the first and the last plane."""
    last_row, last_column = ends["rows"] - 1.0, ends["columns"] - 1.0
    corners = [
        patient_from_pixel(ends, row, column)
        for row in (np.zeros(2), last_row)
        for column in (np.zeros(2), last_column)
    ]
    return np.asarray(np.ptp(np.concatenate(corners), axis=0), dtype=np.float64)


def are_comparable(first: StackCandidate, second: StackCandidate, acquisition_of: AcquisitionOf) -> bool:
    """Whether they could show the same part of the body in two frames."""
    if first.frame == second.frame:
        return False
    return acquisition_of(first.instance).shows_the_same_as(acquisition_of(second.instance))


Fit = tuple[bool, int, int, bool]
"""How well two stacks fit together, smaller is better: contrast, coverage, voxel, original."""


def fit_of(first: StackCandidate, second: StackCandidate, acquisition_of: AcquisitionOf) -> Fit:
    """Rank a pair: by equal contrast, then by what both may show of the body, then by the coarser voxel.

    Coverage and voxel count in steps of a factor of two: smaller differences do not matter.
    """
    looks_alike = acquisition_of(first.instance).looks_like(acquisition_of(second.instance))
    common = float(np.minimum(first.extent_mm, second.extent_mm).prod())
    coarser = max(first.voxel_mm3, second.voxel_mm3)
    is_original = first.is_original and second.is_original
    return not looks_alike, -_step(common), _step(coarser), not is_original


def _step(value: float) -> int:
    return round(math.log2(max(value, 1e-9)))
