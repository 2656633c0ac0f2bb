"""Transforms as the sidecar keeps them, read out of registration objects, turned into edges between frames."""

import json
import logging
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Literal

import msgspec
import numpy as np
from msgspec.structs import replace

from longitudinal.dicom.registration.authorship import GIVEN_LABELS, Equipment
from longitudinal.dicom.uids import SERIES_FRAME
from longitudinal.geometry import affine
from longitudinal.reasons import RegistrationRefusal
from longitudinal.sidecar.tables.records import Notes
from longitudinal.transforms.checks import is_outdated
from longitudinal.transforms.displacement_grid import DisplacementGrid
from longitudinal.transforms.error_at_place import ErrorAtPlace, read_error
from longitudinal.transforms.graph import DECLARED, UNKNOWN, Edge
from longitudinal.transforms.model import Transform, linear

LOGGER = logging.getLogger(__name__)
TransformState = Literal["usable", "rejected", "refused"]

# A grid takes 4 to 30 MB unpacked.
_MOST_GRIDS = 16


class StoredTransform(msgspec.Struct, frozen=True):
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
        Whether the plugin made it: both the object and a statement signed by a node of this archive say so.
    origin
        person, automatic or vendor, according to the object itself.
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

    @property
    def state(self) -> TransformState:
        """Whether paths use it."""
        if self.refusal is not None:
            return "refused"
        return "rejected" if self.notes.decision == "rejected" else "usable"


class GridCache:
    """Displacement grids, unpacked only once however often a patient is read again; the least recently used are dropped.

    The key is the transform's id and a digest of its content: an object can be overwritten under its UID.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._grids: OrderedDict[tuple[str, str], Transform] = OrderedDict()

    def unpack(self, transform: str, digest: str | None, read: Callable[[], bytes]) -> Transform:
        """The transform of a grid; `read` returns its bytes if they are needed."""
        key = (transform, digest or "")
        with self._lock:
            if digest is not None and (known := self._grids.get(key)) is not None:
                self._grids.move_to_end(key)
                return known
        # The item's frame is the grid's target: a deformable REG runs the opposite way (PS3.3 C.20.3.1.1).
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
    """Give every item its two frames and an edge, or the reason why it has none.

    Parameters
    ----------
    rows
        Rows of `sidecar.tables.transforms.read_transforms`.
    frame_of_image
        The frame of an image of this patient by SOP Instance UID, for items that name images instead of a frame.
    canonical
        The frame that an aliased FrameOfReferenceUID belongs to.
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


class _Frames(msgspec.Struct, frozen=True):
    """The frames of a patient: see `read_stored_transforms`."""

    frame_of_image: Callable[[str], str | None]
    canonical: Callable[[str], str]
    is_own: Callable[[str], bool]
    is_foreign: Callable[[str], bool]

    def find(self, uid: str | None, references: str) -> tuple[str | None, str]:
        """The frame of one end of an item, and how UID and images disagree; "" if they do not.

        The UID if an image of the patient has it, otherwise the frame of the referenced images, otherwise the UID. Images
        without FrameOfReferenceUID are identified by reference; a UID beside them is only a placeholder (type 1).
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
        """The patient's frame of a UID; None if no image of the patient has it."""
        frame = None if uid is None else self.canonical(uid)
        return frame if frame is not None and self.is_own(frame) else None


def _disagreement(uid: str | None, lying: set[str]) -> str:
    says = f"the item says {uid}, its images lie" if uid else "the images of the item lie"
    return f"{says} in {', '.join(sorted(lying))}"


def _read(
    row: sqlite3.Row, frames: _Frames, is_named: bool, transform: Callable[[sqlite3.Row], Transform]
) -> StoredTransform:
    """One item. `is_named`: the images of the object's own frame come with its UID, and must be in it."""
    source, conflict = frames.find(row["source_frame"], row["source_references"])
    target = frames.known(row["target_frame"])
    if target is None or is_named:
        target, other = frames.find(row["target_frame"] if is_named else None, row["target_references"])
        target, conflict = target or row["target_frame"], conflict or other
    refusal, detail = row["refusal"], row["detail"]
    if conflict and refusal in (None, RegistrationRefusal.SAME_FRAME):
        refusal, detail = RegistrationRefusal.FRAME_CONFLICT, conflict
    elif refusal is None and (source is None or target is None):
        refusal, detail = (
            RegistrationRefusal.UNKNOWN_IMAGES,
            "the images that identify a frame are not stored here (yet)",
        )
    elif refusal is None and source == target:
        refusal, detail = RegistrationRefusal.SAME_FRAME, "the item maps its own frame onto itself"
    elif refusal is None and any(frames.is_foreign(frame) for frame in (source, target) if frame):
        refusal, detail = (
            RegistrationRefusal.OTHER_PATIENT,
            "a frame of the item belongs to another patient's images",
        )
    notes = _notes(row)
    edge, matrix = None, None
    try:
        matrix = None if row["matrix"] is None else _matrix(row["matrix"])
        if refusal is None and source and target:
            edge = _edge(row, source, target, transform(row), notes)
    except (ValueError, OverflowError, np.linalg.LinAlgError) as error:
        # It was indexed before such content was refused, or the sidecar is damaged: answers for the patient do without it.
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
    """Whether an item declares by UID that its images are those of the object's own frame."""
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
        return (
            bool(row["source_frame"] == row["target_frame"])
            and stored.refusal == RegistrationRefusal.SAME_FRAME
        )
    if row["source_references"] != row["target_references"]:
        return False
    is_named_elsewhere = frames.known(row["target_frame"]) is not None
    return stored.refusal == RegistrationRefusal.SAME_FRAME or (
        stored.refusal == RegistrationRefusal.UNKNOWN_IMAGES and not is_named_elsewhere
    )


def _is_identity(row: sqlite3.Row) -> bool:
    """False also if the matrix is unreadable, in a damaged sidecar."""
    packed = row["matrix"]
    if packed is None or len(packed) != _MATRIX_BYTES:
        return False
    return affine.is_identity(_matrix(packed))


def _without_transform(stored: StoredTransform) -> StoredTransform:
    """The item of an object that names its own frame, and nothing else."""
    return replace(
        stored,
        refusal=RegistrationRefusal.NO_REGISTRATION,
        detail="the object names its own frame and no other",
    )


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
    """As the object states: nothing beside it turns the plugin's own transform into a person's or a vendor's."""
    if row["maker"] != Equipment().manufacturer:
        return str(row["origin"])
    return "person" if row["label"] in GIVEN_LABELS else "automatic"


def _error_at_place(notes: Notes) -> ErrorAtPlace | None:
    """The measured errors; they do not count with a declared error, or if the object has no statements any more."""
    return None if notes.error_source in (None, DECLARED) else read_error(notes.error_at_place)


def _is_own(row: sqlite3.Row, notes: Notes) -> bool:
    """Whether the plugin made the object: both the object and the statements beside it in this archive say so."""
    return row["maker"] == Equipment().manufacturer and notes.given_origin is not None


def _notes(row: sqlite3.Row) -> Notes:
    """The statements about a transform.

    A transform that has only passed older checks counts as not measured, and so does one that an older version measured
    only as a whole.
    """
    notes = Notes(
        row["expected_error_mm"], row["error_source"], row["given_origin"], row["given_by"] or "", row["given_at"],
        row["decision"], row["decided_by"] or "", row["decided_at"], row["quality"], row["error_at_place"],
        decided_why=row["decided_why"],
    )  # fmt: skip
    if is_outdated(notes, _origin(row)):
        return replace(notes, expected_error_mm=None, error_source=None)
    if notes.error_source in (None, DECLARED) or _error_at_place(notes) is not None:
        return notes
    return replace(notes, expected_error_mm=None, error_source=None)


_MATRIX_BYTES = 16 * 8


def _matrix(packed: bytes) -> affine.Matrix:
    return np.frombuffer(packed, dtype="<f8").reshape(4, 4)
