"""Transforms as the sidecar keeps them, read out of registration objects, turned into edges between frames."""

import json
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from longitudinal.dicom.registration_writer import Equipment
from longitudinal.geometry import affine
from longitudinal.sidecar.records import Notes
from longitudinal.transforms.displacement_grid import DisplacementGrid
from longitudinal.transforms.error_at_place import ErrorAtPlace, read_error
from longitudinal.transforms.graph import DECLARED, UNKNOWN, Edge
from longitudinal.transforms.model import Transform, linear

SAME_FRAME = "sameFrame"
NO_FRAME = "noFrame"
OTHER_PATIENT = "otherPatient"
UNKNOWN_IMAGES = "unknownImages"

# A grid takes 4 to 30 MB unpacked.
_MOST_GRIDS = 16


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
    sop_instance_uid: str
    item: int
    kind: str | None
    matrix: affine.Matrix | None
    is_own: bool
    notes: Notes


class GridCache:
    """Displacement grids unpacked once, however often a patient is read again; the least recently used leave.

    The key is the transform's id and a digest of its content: an object can be overwritten under its UID.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._grids: OrderedDict[tuple[str, str], Transform] = OrderedDict()

    def unpack(self, transform: str, digest: str | None, read: Callable[[], bytes]) -> Transform:
        """The transform of a grid; `read` gives its bytes where they are needed."""
        key = (transform, digest or "")
        with self._lock:
            if digest is not None and (known := self._grids.get(key)) is not None:
                self._grids.move_to_end(key)
                return known
        # The item's frame is the grid's target: a deformable REG runs the other way (PS3.3 C.20.3.1.1).
        made = DisplacementGrid.from_bytes(read()).inverse()
        with self._lock:
            self._grids[key] = made
            while len(self._grids) > _MOST_GRIDS:
                self._grids.popitem(last=False)
        return made


def read_stored_transforms(
    rows: Sequence[sqlite3.Row],
    frame_of_image: Callable[[str], str | None],
    canonical: Callable[[str], str],
    is_own: Callable[[str], bool],
    is_foreign: Callable[[str], bool],
    grids: GridCache,
    read_grid: Callable[[int], bytes],
) -> list[StoredTransform]:
    """Give every item its two frames and an edge, or the reason it has none.

    Parameters
    ----------
    rows
        Rows of `sidecar.transforms.read_transforms`.
    frame_of_image
        The frame of an image of this patient by SOP Instance UID, for items that name images instead of a frame.
    canonical
        The frame an aliased FrameOfReferenceUID stands for.
    is_own
        Whether the patient has images in a frame.
    is_foreign
        Whether a frame belongs to another patient and not to this one.
    grids
        Where unpacked grids are kept.
    read_grid
        The packed grid of a row by its key.
    """

    def transform(row: sqlite3.Row) -> Transform:
        if row["has_grid"]:
            return grids.unpack(row["id"], row["digest"], lambda: read_grid(row["key"]))
        return linear(_matrix(row["matrix"]))

    return [_read(row, frame_of_image, canonical, is_own, is_foreign, transform) for row in rows]


def _read(
    row: sqlite3.Row,
    frame_of_image: Callable[[str], str | None],
    canonical: Callable[[str], str],
    is_own: Callable[[str], bool],
    is_foreign: Callable[[str], bool],
    transform: Callable[[sqlite3.Row], Transform],
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
    notes = _notes(row)
    edge = None
    if refusal is None and source and target:
        edge = _edge(row, source, target, transform(row), notes)
    return StoredTransform(
        row["id"], row["orthanc_id"], source, target, refusal, detail, row["label"], row["created"], row["creator"], edge,
        row["sop_instance_uid"], row["item"], row["kind"], None if row["matrix"] is None else _matrix(row["matrix"]),
        _is_own(row, notes), notes,
    )  # fmt: skip


def _edge(row: sqlite3.Row, source: str, target: str, transform: Transform, notes: Notes) -> Edge:
    return Edge(
        id=row["id"],
        source_frame=source,
        target_frame=target,
        transform=transform,
        expected_error_mm=notes.expected_error_mm,
        error_source=notes.error_source or UNKNOWN,
        reviewed=notes.decision == "accepted",
        origin=notes.given_origin if _is_own(row, notes) and notes.given_origin else row["origin"],
        created=notes.given_at or row["created"],
        rejected=notes.decision == "rejected",
        method=row["kind"],
        error_at_place=_error_at_place(notes),
    )


def _error_at_place(notes: Notes) -> ErrorAtPlace | None:
    """What was measured; beside a declared error, or where nothing is said of the object any more, it counts for nothing."""
    return None if notes.error_source in (None, DECLARED) else read_error(notes.error_at_place)


def _is_own(row: sqlite3.Row, notes: Notes) -> bool:
    """Whether we made the object: it says so, and so does what we keep beside it in this archive."""
    return row["maker"] == Equipment().manufacturer and notes.given_origin is not None


def _notes(row: sqlite3.Row) -> Notes:
    """What is said of a transform. An error measured of it as a whole, by an older version, counts as not measured."""
    notes = Notes(
        row["expected_error_mm"], row["error_source"], row["given_origin"], row["given_by"] or "", row["given_at"],
        row["decision"], row["decided_by"] or "", row["decided_at"], row["quality"], row["error_at_place"],
    )  # fmt: skip
    if notes.error_source in (None, DECLARED) or _error_at_place(notes) is not None:
        return notes
    return replace(notes, expected_error_mm=None, error_source=None)


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


def _matrix(packed: bytes) -> affine.Matrix:
    return np.frombuffer(packed, dtype="<f8").reshape(4, 4)
