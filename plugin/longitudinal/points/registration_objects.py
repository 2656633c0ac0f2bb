"""Transforms as registration objects in the archive: written there with what is said about them, and used at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
import pydicom
from pydicom import Dataset

from longitudinal.archive import Archive, ArchiveWriter
from longitudinal.dicom.character_sets import default_encoding
from longitudinal.dicom.deformable_registration import DisplacementField
from longitudinal.dicom.registration_writer import (
    TRANSFORM_ITEM,
    Authorship,
    ReferencedImage,
    RegisteredFrame,
    file_bytes,
    registration_uid,
    write_registration,
)
from longitudinal.dicom.tags import with_unicode
from longitudinal.errors import ArchiveFailed, NotFound
from longitudinal.geometry import affine
from longitudinal.points.patient_index import PatientIndex
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.records import Notes
from longitudinal.sidecar.transforms import sop_class_of
from longitudinal.transforms.annotation import read_annotation, write_annotation
from longitudinal.transforms.error_at_place import ErrorAtPlace, join_errors, split_errors

# Enough to know a frame by when some of its images are deleted.
_MOST_REFERENCES = 1_000


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What was stored: the id of its transform, and how large its file is."""

    transform: str
    orthanc_id: str
    file_bytes: int


class RegistrationObjects:
    """Stores one transform as one object, in the study of its later frame.

    Parameters
    ----------
    store
        Where objects are stored and deleted.
    settle
        Returns when the sidecar has a registration object as the archive has it now.
    """

    def __init__(
        self,
        readers: Readers,
        archive: Archive,
        store: ArchiveWriter,
        settle: Callable[[str], None],
        uid_root: str | None = None,
    ) -> None:
        self._readers = readers
        self._archive = archive
        self._store = store
        self._settle = settle
        self._uid_root = uid_root

    def uid(self, entropy: Sequence[str]) -> str:
        """The SOP Instance UID of an object that is made from these inputs."""
        return registration_uid(self._uid_root, entropy)

    def write(
        self,
        index: PatientIndex,
        transform: affine.Matrix | DisplacementField,
        *,
        later: str,
        earlier: str,
        authorship: Authorship,
        notes: Notes,
        entropy: Sequence[str] | None = None,
        errors: ErrorAtPlace | None = None,
    ) -> StoredObject:
        """Write a transform to the archive; the very next question uses it.

        Parameters
        ----------
        transform
            (4, 4) earlier from later, mm; or a field, later from earlier.
        later, earlier
            The frames; the object lies in the later one's study.
        entropy
            What makes it the same object when it is written twice: what is said about it then stays.
        errors
            What is known of its error place by place, in the earlier frame.

        Raises
        ------
        ArchiveFailed
            Orthanc did not take it; nothing is left behind.
        """
        dataset = write_registration(
            transform,
            source=self._registered(index, later),
            target=self._registered(index, earlier),
            reference=self._reference(index, later),
            authorship=authorship,
            uid_root=self._uid_root,
            entropy=entropy,
        )
        file = file_bytes(dataset)
        orthanc_id = self._store.store(file)
        try:
            self._store.change_annotation(orthanc_id, lambda text: _with_notes(text, notes))
            if errors is not None:
                self._store.change_errors_at_place(orthanc_id, lambda text: _with_errors(text, errors))
        except ArchiveFailed:
            self._store.delete(orthanc_id)
            raise
        self._settle(orthanc_id)
        return StoredObject(f"{dataset.SOPInstanceUID}.{TRANSFORM_ITEM}", orthanc_id, len(file))

    def _registered(self, index: PatientIndex, frame: str) -> RegisteredFrame:
        number = first_series(index, frame)
        series, study = index.series[number], index.studies[index.study_of_series[number]]
        members = [member for member, other in enumerate(series.instance_frames) if other == frame]
        is_named_by_images = frame.startswith("series:")
        connection = self._readers.connection()
        images = tuple(
            ReferencedImage(
                sop_class_of(connection, series.orthanc_ids[member]), series.sop_instance_uids[member],
                series.series_instance_uid, study.study_instance_uid,
            )
            for member in members[: _MOST_REFERENCES if is_named_by_images else 1]
        )  # fmt: skip
        return RegisteredFrame(frame, images)

    def _reference(self, index: PatientIndex, frame: str) -> Dataset:
        """An image of the study the object goes to: patient and study are copied from it."""
        series = index.series[first_series(index, frame)]
        number = series.instance_frames.index(frame)
        try:
            file = self._archive.file(series.orthanc_ids[number])
        except KeyError:
            raise NotFound("the images are being deleted at this moment; ask again") from None
        default = default_encoding(self._archive.default_encoding())
        reference = with_unicode(pydicom.dcmread(BytesIO(file), stop_before_pixels=True), default)
        if reference.get("PatientID"):
            # as Orthanc has it, or the object would be another patient's
            reference.PatientID = index.patient_id
        return reference


def first_series(index: PatientIndex, frame: str) -> int:
    """The earliest series with planes in a frame: series are in time order. Images count before other objects."""
    stacks = np.flatnonzero(index.stack_frame == index.frames.index(frame))
    images = stacks[index.stack_is_image[stacks]]
    return int(index.stack_series[images if len(images) else stacks].min())


def _with_notes(text: str | None, notes: Notes) -> str:
    """The annotation of a new object; of one that was there already it stays, and a review with it."""
    if text is not None and read_annotation(text).get(TRANSFORM_ITEM) is not None:
        return text
    return write_annotation({TRANSFORM_ITEM: notes})


def _with_errors(text: str | None, errors: ErrorAtPlace) -> str:
    """The errors of a new object; those of one that was there already stay, as its annotation does."""
    if text is not None and TRANSFORM_ITEM in split_errors(text):
        return text
    return join_errors({TRANSFORM_ITEM: errors})
