"""One series as resolve needs it: its instances, its planes sorted into stacks, and their frames."""

import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import msgspec
import numpy as np
from numpy.typing import NDArray

from longitudinal.dicom.uids import series_frame
from longitudinal.geometry.image_plane import PLANE, normals
from longitudinal.geometry.packed_stacks import unpack_stacks
from longitudinal.geometry.stack import Stack, split_into_stacks
from longitudinal.sidecar.tables.series_columns import SeriesColumns

# Cosine of about 0.6 degrees: a rounding of direction cosines, not another orientation.
_ONE_ORIENTATION_COSINE = 0.99995
_ONE_FRAME_PER_SLICE = ("oneFramePerSlice",)


class SeriesStack(msgspec.Struct, frozen=True):
    """A stack of a series; `stack.order` points into `SeriesPlanes.planes`."""

    stack: Stack
    frame: str
    role: str
    is_original: bool
    voxel_mm3: float


class SeriesPlanes(msgspec.Struct, frozen=True):
    """Everything of one series; immutable.

    Attributes
    ----------
    planes
        (n,) PLANE, all frames of all its instances that have geometry.
    plane_instance
        (n,) index into `orthanc_ids` and `sop_instance_uids`.
    files
        Names of the stored files of the instances, None where that is not known.
    reasons
        How many instances cannot be indexed, by reason code and detail.
    aliases
        FrameOfReferenceUID -> frame, if a scanner gave each slice its own UID.
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
    files: tuple[str | None, ...]
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
        """The flags of a match in this series."""
        return _ONE_FRAME_PER_SLICE if self.aliases else ()


def read_series_planes(series: sqlite3.Row, instances: SeriesColumns) -> SeriesPlanes:
    """Build a series from its row (`read_series`) and its instances (`read_columns`)."""
    planes = np.frombuffer(instances.planes, dtype=PLANE)
    count = len(instances.orthanc_ids)
    plane_instance = np.repeat(np.arange(count), np.array(instances.plane_bytes, np.intp) // PLANE.itemsize)
    own = series_frame(series["series_instance_uid"], series["orthanc_id"])
    aliases = _aliases(own, instances, planes)
    uids = instances.frame_uids
    frames = tuple(aliases.get(uid or "", uid) for uid in uids) if aliases else uids
    reasons = zip(instances.reasons, instances.details, strict=True) if any(instances.reasons) else ()
    return SeriesPlanes(
        key=series["key"],
        study_key=series["study_key"],
        orthanc_id=series["orthanc_id"],
        series_instance_uid=series["series_instance_uid"],
        series_number=series["series_number"],
        series_description=series["series_description"] or "",
        modality=series["modality"] or "",
        orthanc_ids=instances.orthanc_ids,
        sop_instance_uids=instances.sop_instance_uids,
        files=instances.files,
        instance_frames=frames,
        instance_reasons=instances.reasons,
        instance_details=instances.details,
        instance_times=instances.times,
        time_sources=instances.time_sources,
        frame_counts=instances.frame_counts,
        planes=planes,
        plane_instance=plane_instance,
        stacks=_stacks(instances, frames, planes, plane_instance),
        reasons=Counter((reason, detail) for reason, detail in reasons if reason is not None),
        aliases=aliases,
    )


def _stacks(
    instances: SeriesColumns,
    frames: Sequence[str | None],
    planes: NDArray[np.void],
    plane_instance: NDArray[np.intp],
) -> tuple[SeriesStack, ...]:
    """Planes of one frame and one role, sorted into stacks."""
    groups: dict[tuple[str, str], list[int]] = {}
    if len(set(frames)) == len(set(instances.roles)) == 1 and all(instances.plane_bytes):  # nearly always
        groups[frames[0] or "", instances.roles[0] or ""] = []
    else:
        for index, (size, frame, role) in enumerate(
            zip(instances.plane_bytes, frames, instances.roles, strict=True)
        ):
            if size:
                groups.setdefault((frame or "", role or ""), []).append(index)
    found = []
    for (frame, role), members in groups.items():
        if len(groups) == 1:
            stacks = unpack_stacks(instances.stacks)
        else:
            mine = np.flatnonzero(np.isin(plane_instance, members))
            stacks = [replace(stack, order=mine[stack.order]) for stack in split_into_stacks(planes[mine])]
        for stack in stacks:
            first = instances.image_types[int(plane_instance[stack.order[0]])]
            voxel = _voxel_mm3(planes[stack.order[0]], stack)
            found.append(SeriesStack(stack, frame, role, first.startswith("ORIGINAL"), voxel))
    return tuple(found)


def _voxel_mm3(plane: np.void, stack: Stack) -> float:
    depth = stack.median_gap if stack.median_gap == stack.median_gap else float(stack.reach[0].sum())
    return float(plane["spacing"].prod()) * depth


def _aliases(frame: str, instances: SeriesColumns, planes: NDArray[np.void]) -> dict[str, str]:
    """Collapse one FrameOfReferenceUID per slice, which real CT has, to one frame.

    Only if no two slices share a UID and the orientation is constant: then nothing indicates that the slices were taken
    at different times, and their positions are in one coordinate system.
    """
    uids = [uid or "" for uid, size in zip(instances.frame_uids, instances.plane_bytes, strict=True) if size]
    if len(uids) < 2 or len(set(uids)) != len(uids) or len(planes) != len(uids):
        return {}
    directions = normals(planes)
    if (directions @ directions[0]).min() < _ONE_ORIENTATION_COSINE:
        return {}
    return dict.fromkeys(uids, frame)
