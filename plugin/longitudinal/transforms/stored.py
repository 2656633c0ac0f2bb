"""Transforms as the sidecar keeps them, read out of registration objects, turned into edges between frames."""

import json
import logging
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from longitudinal.dicom.registration.refusal import RegistrationRefusal
from longitudinal.dicom.registration.writer import GIVEN_LABELS, Equipment
from longitudinal.dicom.uids import SERIES_FRAME
from longitudinal.geometry import affine
from longitudinal.sidecar.records import Notes
from longitudinal.transforms.checks import is_outdated
from longitudinal.transforms.displacement_grid import DisplacementGrid
from longitudinal.transforms.error_at_place import ErrorAtPlace, read_error
from longitudinal.transforms.graph import DECLARED, UNKNOWN, Edge
from longitudinal.transforms.model import Transform, linear

LOGGER = logging.getLogger(__name__)
SAME_FRAME = "sameFrame"
NO_FRAME = "noFrame"
OTHER_PATIENT = "otherPatient"
UNKNOWN_IMAGES = "unknownImages"
FRAME_CONFLICT = "frameConflict"
NO_REGISTRATION = "noRegistration"

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
    is_own
        Whether it was made here: the object says that we made it, and so does what this archive's nodes have signed.
    origin
        person, automatic or vendor, as the object itself says.
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
    origin: str = "vendor"


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

    frames = _Frames(frame_of_image, canonical, is_own, is_foreign)
    found: list[StoredTransform] = []
    for _, group in groupby(rows, key=lambda row: row["orthanc_id"]):
        items = list(group)
        is_named = any(_names_own_frame(row) for row in items)
        read = [(row, _read(row, frames, is_named, transform)) for row in items]
        transforms = [stored for row, stored in read if not _is_own_frame(row, stored, frames)]
        found += transforms or [_without_transform(read[0][1])]
    return found


@dataclass(frozen=True, slots=True)
class _Frames:
    """What is known of the frames of a patient: see `read_stored_transforms`."""

    frame_of_image: Callable[[str], str | None]
    canonical: Callable[[str], str]
    is_own: Callable[[str], bool]
    is_foreign: Callable[[str], bool]

    def find(self, uid: str | None, references: str) -> tuple[str | None, str]:
        """The frame of one end of an item, and how UID and images disagree; "" where they do not.

        The UID where an image of the patient bears it, else the frame of the images named, else the UID all the same. An
        image without FrameOfReferenceUID is named by reference; a UID beside it is only a placeholder (type 1).
        """
        lying = {frame for image in json.loads(references) if (frame := self.frame_of_image(image))}
        own = self.known(uid)
        if own is not None:
            return own, _disagreement(uid, lying) if lying - {own} else ""
        if not lying:
            return uid, ""
        only = min(lying)
        disagrees = len(lying) > 1 or (uid is not None and not only.startswith(SERIES_FRAME))
        return only, _disagreement(uid, lying) if disagrees else ""

    def known(self, uid: str | None) -> str | None:
        """The patient's frame of a UID; None where no image of the patient bears it."""
        frame = None if uid is None else self.canonical(uid)
        return frame if frame is not None and self.is_own(frame) else None


def _disagreement(uid: str | None, lying: set[str]) -> str:
    says = f"the item says {uid}, its images lie" if uid else "the images of the item lie"
    return f"{says} in {', '.join(sorted(lying))}"


def _read(
    row: sqlite3.Row, frames: _Frames, is_named: bool, transform: Callable[[sqlite3.Row], Transform]
) -> StoredTransform:
    """One item. `is_named`: the images of the object's own frame come with its UID, and must lie in it."""
    source, conflict = frames.find(row["source_frame"], row["source_references"])
    target = frames.known(row["target_frame"])
    if target is None or is_named:
        target, other = frames.find(row["target_frame"] if is_named else None, row["target_references"])
        target, conflict = target or row["target_frame"], conflict or other
    refusal, detail = row["refusal"], row["detail"]
    if conflict and refusal in (None, SAME_FRAME):
        refusal, detail = FRAME_CONFLICT, conflict
    elif refusal is None and (source is None or target is None):
        refusal, detail = UNKNOWN_IMAGES, "the images that stand for a frame here are not stored (yet)"
    elif refusal is None and source == target:
        refusal, detail = SAME_FRAME, "the item maps its own frame onto itself"
    elif refusal is None and any(frames.is_foreign(frame) for frame in (source, target) if frame):
        refusal, detail = OTHER_PATIENT, "a frame of the item belongs to another patient's images"
    notes = _notes(row)
    edge, matrix = None, None
    try:
        matrix = None if row["matrix"] is None else _matrix(row["matrix"])
        if refusal is None and source and target:
            edge = _edge(row, source, target, transform(row), notes)
    except (ValueError, OverflowError, np.linalg.LinAlgError) as error:
        # It was indexed before what it holds was refused, or the sidecar is damaged: the patient is answered without it.
        LOGGER.warning("Transform %s cannot be used: %s", row["id"], error)
        refusal, detail = (
            str(RegistrationRefusal.BAD_GRID if row["has_grid"] else RegistrationRefusal.BAD_MATRIX),
            str(error),
        )
    return StoredTransform(
        row["id"], row["orthanc_id"], source, target, refusal, detail, row["label"], row["created"], row["creator"], edge,
        row["sop_instance_uid"], row["item"], row["kind"], matrix,
        _is_own(row, notes), notes, _origin(row),
    )  # fmt: skip


def _names_own_frame(row: sqlite3.Row) -> bool:
    """Whether an item says by UID that its images are those of the object's own frame."""
    return (
        row["source_frame"] is not None
        and row["source_frame"] == row["target_frame"]
        and row["source_references"] == row["target_references"]
        and _is_identity(row)
    )


def _is_own_frame(row: sqlite3.Row, stored: StoredTransform, frames: _Frames) -> bool:
    """Whether an item only names the object's own frame and images in it."""
    if row["refusal"] is not None or not _is_identity(row):
        return False
    if row["source_frame"] is not None:
        return bool(row["source_frame"] == row["target_frame"]) and stored.refusal == SAME_FRAME
    if row["source_references"] != row["target_references"]:
        return False
    is_named_elsewhere = frames.known(row["target_frame"]) is not None
    return stored.refusal == SAME_FRAME or (stored.refusal == UNKNOWN_IMAGES and not is_named_elsewhere)


def _is_identity(row: sqlite3.Row) -> bool:
    """False also of what is no matrix, in a damaged sidecar."""
    packed = row["matrix"]
    if packed is None or len(packed) != _MATRIX_BYTES:
        return False
    return affine.is_identity(_matrix(packed))


def _without_transform(stored: StoredTransform) -> StoredTransform:
    """The item of an object that names its own frame, and nothing else."""
    return replace(stored, refusal=NO_REGISTRATION, detail="the object names its own frame and no other")


def _edge(row: sqlite3.Row, source: str, target: str, transform: Transform, notes: Notes) -> Edge:
    return Edge(
        id=row["id"],
        source_frame=source,
        target_frame=target,
        transform=transform,
        expected_error_mm=notes.expected_error_mm,
        error_source=notes.error_source or UNKNOWN,
        reviewed=notes.decision == "accepted",
        origin=_origin(row),
        created=notes.given_at or row["created"],
        rejected=notes.decision == "rejected",
        method=row["kind"],
        error_at_place=_error_at_place(notes),
    )


def _origin(row: sqlite3.Row) -> str:
    """As the object says: nothing that stands beside it makes a person's or a vendor's of what we made."""
    if row["maker"] != Equipment().manufacturer:
        return str(row["origin"])
    return "person" if row["label"] in GIVEN_LABELS else "automatic"


def _error_at_place(notes: Notes) -> ErrorAtPlace | None:
    """What was measured; beside a declared error, or where nothing is said of the object any more, it counts for nothing."""
    return None if notes.error_source in (None, DECLARED) else read_error(notes.error_at_place)


def _is_own(row: sqlite3.Row, notes: Notes) -> bool:
    """Whether we made the object: it says so, and so does what we keep beside it in this archive."""
    return row["maker"] == Equipment().manufacturer and notes.given_origin is not None


def _notes(row: sqlite3.Row) -> Notes:
    """What is said of a transform.

    What passed older checks is not measured until the present ones were made, and neither is what an older version measured
    as a whole.
    """
    notes = Notes(
        row["expected_error_mm"], row["error_source"], row["given_origin"], row["given_by"] or "", row["given_at"],
        row["decision"], row["decided_by"] or "", row["decided_at"], row["quality"], row["error_at_place"],
    )  # fmt: skip
    if is_outdated(notes, _origin(row)):
        return replace(notes, expected_error_mm=None, error_source=None)
    if notes.error_source in (None, DECLARED) or _error_at_place(notes) is not None:
        return notes
    return replace(notes, expected_error_mm=None, error_source=None)


_MATRIX_BYTES = 16 * 8


def _matrix(packed: bytes) -> affine.Matrix:
    return np.frombuffer(packed, dtype="<f8").reshape(4, 4)
