"""How well the transforms of a patient agree: points mapped round loops of frames."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from longitudinal.geometry.image_plane import patient_from_pixel
from longitudinal.patients.patient_index import PatientIndex
from longitudinal.transforms.closure import closure_errors

# Within the scan, where the patient is and not the surrounding air.
_PARTS = np.array([0.3, 0.5, 0.7])


class Loop(msgspec.Struct, frozen=True):
    """A loop of transforms, the one that is judged first, and how far points end from their start, mm.

    The errors are None if no point could be mapped round it.
    """

    transforms: tuple[str, ...]
    frame: str
    mean_mm: float | None
    max_mm: float | None


def find_loops(index: PatientIndex) -> list[Loop]:
    """Every loop of the patient's transforms, with 27 points of its first frame's largest stack."""
    joined = {edge.source_frame for edge in index.graph.edges}
    points = {frame: _points(index, number) for number, frame in enumerate(index.frames) if frame in joined}
    loops = []
    for closure in closure_errors(index.graph, points):
        errors = closure.errors_mm[np.isfinite(closure.errors_mm)]
        mean, worst = (float(errors.mean()), float(errors.max())) if len(errors) else (None, None)
        loops.append(Loop(closure.edge_ids, closure.frame, mean, worst))
    return loops


def _points(index: PatientIndex, frame: int) -> NDArray[np.float64]:
    """(27, 3) LPS mm, spread through the stack of a frame that has the most planes."""
    stacks = np.flatnonzero(index.stack_frame == frame)
    start = index.stack_set.start
    stack = int(max(stacks, key=lambda number: start[number + 1] - start[number]))
    count = int(start[stack + 1] - start[stack])
    planes = index.stack_set.planes[start[stack] + np.rint(_PARTS * (count - 1)).astype(int)]
    found = [
        patient_from_pixel(planes, row * (planes["rows"] - 1.0), column * (planes["columns"] - 1.0))
        for row in _PARTS
        for column in _PARTS
    ]
    return np.concatenate(found)
