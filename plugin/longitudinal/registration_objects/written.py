"""Transforms as registration objects in the archive: written together with their statements, and used at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from msgspec.structs import replace

from longitudinal.archive import Archive, ArchiveWriter
from longitudinal.dicom.character_sets import default_encoding
from longitudinal.dicom.object_uids import object_uid
from longitudinal.dicom.registration.authorship import TRANSFORM_ITEM, Authorship
from longitudinal.dicom.registration.displacement_field import DisplacementField
from longitudinal.dicom.registration.registered_frame import ReferencedImage, RegisteredFrame
from longitudinal.dicom.whole_library import load_pydicom
from longitudinal.errors import ArchiveFailed, NotFound
from longitudinal.geometry import affine
from longitudinal.patients.patient_index import PatientIndex
from longitudinal.patients.series_planes import SeriesPlanes
from longitudinal.registration_objects.statements import Statements
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.tables.records import Notes
from longitudinal.sidecar.tables.transforms import sop_class_of
from longitudinal.transforms.error_at_place import ErrorAtPlace, digest_of, encode_error, put_error

if TYPE_CHECKING:
    from pydicom import Dataset

# Enough to identify a frame after some of its images are deleted.
_MOST_REFERENCES = 1_000


class StoredObject(msgspec.Struct, frozen=True):
    """A stored object: the id of its transform, and the size of its file."""

    transform: str
    orthanc_id: str
    file_bytes: int


class RegistrationObjects:
    """Stores each transform as one object, in the study of its later frame.

    Parameters
    ----------
    store
        Where objects are stored and deleted.
    settle
        Returns once the sidecar has a registration object as it is in the archive now.
    statements
        Signs the statements about it.
    """

    def __init__(
        self,
        readers: Readers,
        archive: Archive,
        store: ArchiveWriter,
        settle: Callable[[str], None],
        statements: Statements,
        uid_root: str | None = None,
    ) -> None:
        self._readers = readers
        self._archive = archive
        self._store = store
        self._settle = settle
        self._statements = statements
        self._uid_root = uid_root

    def uid(self, entropy: Sequence[str]) -> str:
        """The SOP Instance UID of an object made from these inputs."""
        return object_uid(self._uid_root, entropy)

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
            The frames; the object is stored in the study of the later one.
        entropy
            The same entropy yields the same UIDs when it is written twice; existing statements are then kept.
        errors
            Its error place by place, in the earlier frame.

        Raises
        ------
        ArchiveFailed
            Orthanc did not store it; nothing is left behind.
        """
        load_pydicom()
        from longitudinal.dicom.registration.writer import (  # late: a start does not need pydicom
            file_bytes,
            write_registration,
        )

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
            # Another object may have this UID: statements about it are up to whoever stored it. The same object made again
            # keeps what was said about it.
            is_stored = self._statements.is_stored(orthanc_id, file)
            if is_stored and not self._statements.is_given(orthanc_id, TRANSFORM_ITEM):
                self._say(orthanc_id, notes, errors)
        except ArchiveFailed:
            self._store.delete(orthanc_id)
            raise
        self._settle(orthanc_id)
        return StoredObject(f"{dataset.SOPInstanceUID}.{TRANSFORM_ITEM}", orthanc_id, len(file))

    def _say(self, orthanc_id: str, notes: Notes, errors: ErrorAtPlace | None) -> None:
        """The statements about a new object; the signed one last, because an object without it is checked again."""
        if errors is not None:
            item = encode_error(errors)
            notes = replace(notes, errors_digest=digest_of(item))
            self._store.change_errors_at_place(orthanc_id, lambda text: put_error(text, TRANSFORM_ITEM, item))
        self._store.change_annotation(
            orthanc_id, lambda text: self._statements.give(orthanc_id, text, TRANSFORM_ITEM, notes)
        )

    def _registered(self, index: PatientIndex, frame: str) -> RegisteredFrame:
        number = first_series(index, frame)
        series, study = index.series[number], index.studies[index.study_of_series[number]]
        members = _members(series, frame)
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
        """An image of the study that the object goes to: patient and study are copied from it."""
        load_pydicom()
        import pydicom  # late, as in `write`

        from longitudinal.dicom.dataset_tags import with_unicode

        series = index.series[first_series(index, frame)]
        number = _members(series, frame)[0]
        try:
            file = self._archive.file(series.orthanc_ids[number])
        except KeyError:
            raise NotFound("the images are being deleted at this moment; ask again") from None
        default = default_encoding(self._archive.default_encoding())
        reference = with_unicode(pydicom.dcmread(BytesIO(file), stop_before_pixels=True), default)
        if reference.get("PatientID"):
            # as Orthanc has it, or the object would belong to another patient
            reference.PatientID = index.patient_id
        return reference


def _members(series: SeriesPlanes, frame: str) -> list[int]:
    """The instances of a frame, by their UIDs: the order in which they arrived must not show in an object."""
    members = [member for member, other in enumerate(series.instance_frames) if other == frame]
    return sorted(members, key=lambda member: series.sop_instance_uids[member])


def first_series(index: PatientIndex, frame: str) -> int:
    """The earliest series with planes in a frame: series are in time order. Images count before other objects."""
    stacks = np.flatnonzero(index.stack_frame == index.frames.index(frame))
    images = stacks[index.stack_is_image[stacks]]
    return int(index.stack_series[images if len(images) else stacks].min())
