"""The stacks of a patient that could be registered at all, and how well one of each would go together."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from longitudinal.alignment.acquisition import Acquisition
from longitudinal.geometry.image_plane import patient_from_pixel
from longitudinal.patients.patient_index import PatientIndex

VOLUME_MODALITIES = frozenset({"CT", "MR", "PT", "NM"})
"""What comes as a stack of slices with contrast of its own; ultrasound has no place in the patient."""

LEAST_PLANES = 4
"""Fewer planes have no extent along their normal that a search could use."""

LEAST_EXTENT_MM = 20.0
"""Less of a body is no part of it that could be told from another."""

AcquisitionOf = Callable[[str], Acquisition]
"""The acquisition of a series, by the Orthanc id of one of its instances."""


@dataclass(frozen=True, eq=False, slots=True)
class StackCandidate:
    """A stack of images that may stand for its study.

    Attributes
    ----------
    stack, series, study
        Its numbers in the `PatientIndex`.
    extent_mm
        (3,) of the box round it along the axes of the patient.
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
    """The box round the first and the last plane."""
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
"""How well two stacks go together, smaller is better: contrast, coverage, voxel, original."""


def fit_of(first: StackCandidate, second: StackCandidate, acquisition_of: AcquisitionOf) -> Fit:
    """Judge a pair: one contrast first, then what both may show of the body, then the coarser voxel.

    Coverage and voxel count in steps of a factor of two: less is no reason to prefer another series.
    """
    looks_alike = acquisition_of(first.instance).looks_like(acquisition_of(second.instance))
    common = float(np.minimum(first.extent_mm, second.extent_mm).prod())
    coarser = max(first.voxel_mm3, second.voxel_mm3)
    is_original = first.is_original and second.is_original
    return not looks_alike, -_step(common), _step(coarser), not is_original


def _step(value: float) -> int:
    return round(math.log2(max(value, 1e-9)))
