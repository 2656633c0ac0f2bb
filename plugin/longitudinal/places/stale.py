"""Whether a mapped report still holds: its path must lead to the position that it states."""

import numpy as np

from longitudinal.dicom.reports.statement import Mapping
from longitudinal.patients.patient_index import PatientIndex
from longitudinal.places.answer import Stale
from longitudinal.places.positions import Position
from longitudinal.reasons import StaleReport

# A report has float32 coordinates; a tenth of a millimetre is less than any pixel.
SAME_PLACE_MM = 0.1


def why_stale(
    index: PatientIndex, mapping: Mapping, position: Position, source: Position | None
) -> Stale | None:
    """Why a mapped report does not hold any more; None if it does.

    Parameters
    ----------
    position
        What the report states.
    source
        What the place is resolved from now.
    """
    transforms = {stored.id: stored for stored in index.transforms}
    for name in mapping.transforms:
        stored = transforms.get(name)
        if stored is None:
            return Stale(StaleReport.TRANSFORM_DELETED, f"transform {name} is not stored any more", name)
        if stored.state == "rejected":
            by = stored.notes.decided_by
            return Stale(
                StaleReport.TRANSFORM_REJECTED, f"transform {name} was rejected{by and f' by {by}'}", name
            )
        if stored.state == "refused":
            return Stale(
                StaleReport.TRANSFORM_REPLACED, f"transform {name} has changed: {stored.refusal}", name
            )
    return _moved(index, mapping, source) or _elsewhere(index, mapping, position)


def _moved(index: PatientIndex, mapping: Mapping, source: Position | None) -> Stale | None:
    if source is None or source.point is None:
        return Stale(StaleReport.PLACE_MOVED, "the report that it was mapped from is gone")
    distance = float(np.linalg.norm(source.point - np.array(mapping.source_point)))
    if index.canonical_frame(mapping.source_frame) != source.frame or distance > SAME_PLACE_MM:
        return Stale(StaleReport.PLACE_MOVED, "the place is stated at another position now")
    return None


def _elsewhere(index: PatientIndex, mapping: Mapping, position: Position) -> Stale | None:
    """Whether points of the source's frame reach this one in another way now, or arrive elsewhere."""
    if position.frame is None or position.point is None:
        return None  # its own fault says why
    source = index.canonical_frame(mapping.source_frame)
    if source == position.frame:
        return None
    way = index.way_between(source, position.frame)
    if way is None or way.edge_ids != mapping.transforms:
        now = "no path leads there" if way is None else f"points get there by {' and '.join(way.edge_ids)}"
        return Stale(StaleReport.TRANSFORM_REPLACED, f"{now} now")
    arrived = way.path.trail(np.array(mapping.source_point, dtype=np.float64))[-1]
    distance = float(np.linalg.norm(arrived - position.point))
    if not distance <= SAME_PLACE_MM:
        name = mapping.transforms[-1] if mapping.transforms else None
        return Stale(
            StaleReport.TRANSFORM_REPLACED, f"the same transforms lead {distance:.1f} mm beside it now", name
        )
    return None
