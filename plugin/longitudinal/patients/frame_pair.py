"""Two Frames of Reference of one patient, as a request names them."""

import sqlite3
from collections.abc import Sequence

import msgspec

from longitudinal.errors import Ambiguous, FieldError, NotFound, TransformRefused
from longitudinal.patients.catalogue import Catalogue
from longitudinal.patients.patient_index import PatientIndex
from longitudinal.reasons import GivenTransformRefusal
from longitudinal.sidecar.tables.patients import patient_key_of, patients_with_frame

_POINTERS = ("/sourceFrameOfReferenceUid", "/targetFrameOfReferenceUid")


class FramePair(msgspec.Struct, frozen=True, eq=False):
    """The patient, and the two frames under the names that its index has for them."""

    index: PatientIndex
    source: str
    target: str


def find_frame_pair(
    connection: sqlite3.Connection,
    catalogue: Catalogue,
    asked: tuple[str, str],
    patient: str | None,
    *,
    with_images: bool = True,
) -> FramePair:
    """Find source and target frame, FrameOfReferenceUIDs or `series:<SeriesInstanceUID>`, and whose they are.

    Parameters
    ----------
    patient
        PatientID or Orthanc id; needed where more than one patient has images in both frames.
    with_images
        Whether both must have images; otherwise a named patient's transform from or to a frame is enough.

    Raises
    ------
    NotFound
        Unknown patient.
    Ambiguous
        More than one patient has both frames.
    TransformRefused
        otherPatient or unknownFrame.
    """
    index = _patient_with(connection, catalogue, asked, patient)
    frames = (index.canonical_frame(asked[0]), index.canonical_frame(asked[1]))
    known = [frame in index.frames or (not with_images and index.knows_frame(frame)) for frame in frames]
    if not all(known):
        _refuse_unknown(connection, index, asked, known)
    return FramePair(index, *frames)


def _patient_with(
    connection: sqlite3.Connection, catalogue: Catalogue, frames: tuple[str, str], patient: str | None
) -> PatientIndex:
    if patient is not None:
        key = patient_key_of(connection, patient)
        index = None if key is None else catalogue.patient(key)
        if index is None:
            detail = f"no patient {patient} is indexed here"
            raise NotFound(detail, [FieldError("/patientId", detail)])
        return index
    having = [
        [index for key in sorted(patients_with_frame(connection, frame)) if (index := catalogue.patient(key))
         and index.canonical_frame(frame) in index.frames]
        for frame in frames
    ]  # fmt: skip
    # by key: what is stored meanwhile gives a patient a new index
    keys = {index.key for index in having[0]}
    both = [index for index in having[1] if index.key in keys]
    if len(both) > 1:
        detail = "more than one patient has images in these frames; say which by patientId"
        raise Ambiguous(
            detail, [FieldError("/patientId", "is missing")], [index.orthanc_id for index in both]
        )
    if both:
        return both[0]
    if having[0] and having[1]:
        detail = "the two frames belong to different patients"
        raise TransformRefused(
            GivenTransformRefusal.OTHER_PATIENT,
            detail,
            [FieldError("/targetFrameOfReferenceUid", "is another patient's")],
        )
    raise _unknown_frames(frames, [bool(found) for found in having])


def _refuse_unknown(
    connection: sqlite3.Connection, index: PatientIndex, asked: tuple[str, str], known: Sequence[bool]
) -> None:
    foreign = [
        not is_known and bool(patients_with_frame(connection, frame) - {index.key})
        for frame, is_known in zip(asked, known, strict=True)
    ]
    if any(foreign):
        fields = [
            FieldError(pointer, "is another patient's")
            for pointer, is_foreign in zip(_POINTERS, foreign, strict=True)
            if is_foreign
        ]
        raise TransformRefused(
            GivenTransformRefusal.OTHER_PATIENT, "a frame belongs to another patient's images", fields
        )
    raise _unknown_frames(asked, known)


def _unknown_frames(frames: Sequence[str], known: Sequence[bool]) -> TransformRefused:
    wrong = [
        (pointer, frame)
        for pointer, frame, is_known in zip(_POINTERS, frames, known, strict=True)
        if not is_known
    ]
    detail = f"no images are indexed here in {' and '.join(frame for _, frame in wrong)}"
    return TransformRefused(
        GivenTransformRefusal.UNKNOWN_FRAME,
        detail,
        [FieldError(pointer, "has no images here") for pointer, _ in wrong],
    )
