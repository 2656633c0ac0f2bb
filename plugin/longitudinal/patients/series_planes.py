"""One series as resolve needs it: its instances, its planes sorted into stacks, and the frames they lie in."""

import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from longitudinal.dicom.uids import series_frame
from longitudinal.geometry.image_plane import PLANE, normals
from longitudinal.geometry.stack import Stack, split_into_stacks

# Cosine of about 0.6 degrees: rounding of direction cosines, not another orientation.
_ONE_ORIENTATION_COSINE = 0.99995
_ONE_FRAME_PER_SLICE = ("oneFramePerSlice",)


@dataclass(frozen=True, slots=True)
class SeriesStack:
    """A stack of a series; `stack.order` points into `SeriesPlanes.planes`."""

    stack: Stack
    frame: str
    role: str
    is_original: bool
    voxel_mm3: float


@dataclass(frozen=True, slots=True)
class SeriesPlanes:
    """Everything of one series; immutable.

    Attributes
    ----------
    planes
        (n,) PLANE, all frames of all its instances that have a place.
    plane_instance
        (n,) index into `orthanc_ids` and `sop_instance_uids`.
    reasons
        How many instances cannot be indexed, by reason code and detail.
    aliases
        FrameOfReferenceUID -> frame, where a scanner gave each slice a UID of its own.
    """

    key: int
    study_key: int
    orthanc_id: str
    series_instance_uid: str
    series_number: int | None
    series_description: str
    modality: str
    orthanc_ids: tuple[str, ...]
    sop_instance_uids: tuple[str, ...]
    instance_frames: tuple[str | None, ...]
    instance_reasons: tuple[str | None, ...]
    instance_details: tuple[str, ...]
    instance_times: tuple[str | None, ...]
    time_sources: tuple[str | None, ...]
    frame_counts: tuple[int, ...]
    planes: NDArray[np.void]
    plane_instance: NDArray[np.intp]
    stacks: tuple[SeriesStack, ...]
    reasons: Counter[tuple[str, str]]
    aliases: dict[str, str]

    @property
    def flags(self) -> tuple[str, ...]:
        """What a match in this series is flagged with."""
        return _ONE_FRAME_PER_SLICE if self.aliases else ()


def read_series_planes(series: sqlite3.Row, instances: Sequence[sqlite3.Row]) -> SeriesPlanes:
    """Build a series from its rows in the sidecar (`read_series`, `read_instances`)."""
    blobs = [row["planes"] or b"" for row in instances]
    planes = np.frombuffer(b"".join(blobs), dtype=PLANE)
    plane_instance = np.repeat(np.arange(len(blobs)), [len(blob) // PLANE.itemsize for blob in blobs])
    own = series_frame(series["series_instance_uid"], series["orthanc_id"])
    aliases = _aliases(own, instances, planes)
    frames = tuple(aliases.get(row["frame_uid"], row["frame_uid"]) for row in instances)
    return SeriesPlanes(
        key=series["key"],
        study_key=series["study_key"],
        orthanc_id=series["orthanc_id"],
        series_instance_uid=series["series_instance_uid"],
        series_number=series["series_number"],
        series_description=series["series_description"] or "",
        modality=series["modality"] or "",
        orthanc_ids=tuple(row["orthanc_id"] for row in instances),
        sop_instance_uids=tuple(row["sop_instance_uid"] for row in instances),
        instance_frames=frames,
        instance_reasons=tuple(row["reason"] for row in instances),
        instance_details=tuple(row["detail"] or "" for row in instances),
        instance_times=tuple(row["acquisition_date_time"] for row in instances),
        time_sources=tuple(row["time_source"] for row in instances),
        frame_counts=tuple(row["number_of_frames"] or 1 for row in instances),
        planes=planes,
        plane_instance=plane_instance,
        stacks=_stacks(instances, frames, planes, plane_instance),
        reasons=Counter(
            (row["reason"], row["detail"] or "") for row in instances if row["reason"] is not None
        ),
        aliases=aliases,
    )


def _stacks(
    instances: Sequence[sqlite3.Row],
    frames: Sequence[str | None],
    planes: NDArray[np.void],
    plane_instance: NDArray[np.intp],
) -> tuple[SeriesStack, ...]:
    """Planes of one frame and one role, sorted into stacks."""
    groups: dict[tuple[str, str], list[int]] = {}
    for index, row in enumerate(instances):
        if row["planes"]:
            groups.setdefault((frames[index] or "", row["role"]), []).append(index)
    found = []
    for (frame, role), members in groups.items():
        mine = np.flatnonzero(np.isin(plane_instance, members)) if len(groups) > 1 else np.arange(len(planes))
        for stack in split_into_stacks(planes[mine]):
            order = mine[stack.order]
            first = instances[int(plane_instance[order[0]])]
            moved = replace(stack, order=order)
            is_original = (first["image_type"] or "").startswith("ORIGINAL")
            found.append(SeriesStack(moved, frame, role, is_original, _voxel_mm3(planes[order[0]], stack)))
    return tuple(found)


def _voxel_mm3(plane: np.void, stack: Stack) -> float:
    depth = stack.median_gap if stack.median_gap == stack.median_gap else float(stack.reach[0].sum())
    return float(plane["spacing"].prod()) * depth


def _aliases(frame: str, instances: Sequence[sqlite3.Row], planes: NDArray[np.void]) -> dict[str, str]:
    """Collapse one FrameOfReferenceUID per slice, which real CT has, to one frame.

    Only when no two slices share a UID and the orientation is constant: then nothing says that the slices were taken at
    different times, and their positions are in one coordinate system.
    """
    uids = [row["frame_uid"] for row in instances if row["planes"]]
    if len(uids) < 2 or len(set(uids)) != len(uids) or len(planes) != len(uids):
        return {}
    directions = normals(planes)
    if (directions @ directions[0]).min() < _ONE_ORIENTATION_COSINE:
        return {}
    return dict.fromkeys(uids, frame)
