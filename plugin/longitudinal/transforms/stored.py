"""Transforms as the sidecar keeps them, read out of registration objects, turned into edges between frames."""

import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from longitudinal.transforms.displacement_grid import DisplacementGrid
from longitudinal.transforms.graph import Edge
from longitudinal.transforms.model import Transform, linear

SAME_FRAME = "sameFrame"
NO_FRAME = "noFrame"
OTHER_PATIENT = "otherPatient"
UNKNOWN_IMAGES = "unknownImages"


@dataclass(frozen=True, slots=True)
class StoredTransform:
    """One item of a registration object of a patient.

    Attributes
    ----------
    id
        SOP Instance UID + "." + item number.
    orthanc_id
        The registration object.
    refusal
        Why it is not used; None when `edge` is.
    """

    id: str
    orthanc_id: str
    source_frame: str | None
    target_frame: str | None
    refusal: str | None
    detail: str
    label: str
    created: str | None
    creator: str
    edge: Edge | None


def read_stored_transforms(
    rows: Sequence[sqlite3.Row],
    frame_of_image: Callable[[str], str | None],
    canonical: Callable[[str], str],
    is_own: Callable[[str], bool],
    is_foreign: Callable[[str], bool],
) -> list[StoredTransform]:
    """Give every item its two frames and an edge, or the reason it has none.

    Parameters
    ----------
    rows
        Rows of `sidecar.patients.read_transforms`.
    frame_of_image
        The frame of an image of this patient by SOP Instance UID, for items that name images instead of a frame.
    canonical
        The frame an aliased FrameOfReferenceUID stands for.
    is_own
        Whether the patient has images in a frame.
    is_foreign
        Whether a frame belongs to another patient and not to this one.
    """
    return [_read(row, frame_of_image, canonical, is_own, is_foreign) for row in rows]


def _read(
    row: sqlite3.Row,
    frame_of_image: Callable[[str], str | None],
    canonical: Callable[[str], str],
    is_own: Callable[[str], bool],
    is_foreign: Callable[[str], bool],
) -> StoredTransform:
    source, target = (
        _frame(row[f"{end}_frame"], row[f"{end}_references"], frame_of_image, canonical, is_own)
        for end in ("source", "target")
    )
    refusal, detail = row["refusal"], row["detail"]
    if refusal is None and (source is None or target is None):
        refusal, detail = UNKNOWN_IMAGES, "the images that stand for a frame here are not stored (yet)"
    elif refusal is None and source == target:
        refusal, detail = SAME_FRAME, "the item maps its own frame onto itself"
    elif refusal is None and any(is_foreign(frame) for frame in (source, target) if frame):
        refusal, detail = OTHER_PATIENT, "a frame of the item belongs to another patient's images"
    edge = None
    if refusal is None and source and target:
        edge = Edge(
            id=row["id"],
            source_frame=source,
            target_frame=target,
            transform=_transform(row),
            origin=row["origin"],
            created=row["created"],
            method=row["kind"],
        )
    return StoredTransform(
        row["id"], row["orthanc_id"], source, target, refusal, detail, row["label"], row["created"], row["creator"], edge
    )  # fmt: skip


def _frame(
    uid: str | None,
    references: str,
    frame_of_image: Callable[[str], str | None],
    canonical: Callable[[str], str],
    is_own: Callable[[str], bool],
) -> str | None:
    """The UID where an image of the patient bears it, else the frame of the images named, else the UID all the same.

    An image without FrameOfReferenceUID is named by reference; the UID beside it is then only a placeholder (type 1).
    """
    if uid is not None and is_own(canonical(uid)):
        return canonical(uid)
    found = next((frame for image in json.loads(references) if (frame := frame_of_image(image))), None)
    return found or uid


def _transform(row: sqlite3.Row) -> Transform:
    if row["grid"] is not None:
        # The item's frame is the grid's target: a deformable REG runs the other way (PS3.3 C.20.3.1.1).
        return DisplacementGrid.from_bytes(row["grid"]).inverse()
    return linear(np.frombuffer(row["matrix"], dtype="<f8").reshape(4, 4))
