"""Transforms between the frames of a patient: given by a person, listed, reviewed, deleted.

The archive is the record: a transform is a registration object, and is returned as read back from there.
"""

import sqlite3
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import msgspec
import numpy as np

from longitudinal import __version__
from longitudinal.archive import Archive, ArchiveWriter
from longitudinal.dicom.registration.authorship import (
    GIVEN_LABELS,
    LANDMARKS,
    MATRIX,
    Authorship,
    Equipment,
    RegistrationType,
)
from longitudinal.dicom.sop_classes import REGISTRATIONS
from longitudinal.errors import (
    Ambiguous,
    Conflict,
    FieldError,
    InstanceGone,
    NotFound,
    TransformRefused,
)
from longitudinal.geometry import affine
from longitudinal.patients.catalogue import Catalogue
from longitudinal.patients.frame_pair import find_frame_pair
from longitudinal.patients.patient_index import PatientIndex
from longitudinal.reasons import GivenTransformRefusal, NotIndexableReason, RegistrationRefusal
from longitudinal.registration_objects.statements import Statements
from longitudinal.registration_objects.written import RegistrationObjects, first_series
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.tables.patients import patient_key_of
from longitudinal.sidecar.tables.records import Notes
from longitudinal.sidecar.tables.statements import WaitsBecause, read_waiting
from longitudinal.sidecar.tables.transforms import (
    owners_of_transform,
    read_registrations_without_items,
)
from longitudinal.transforms.given import GivenTransform
from longitudinal.transforms.least_sure import UnsurePlace, least_sure_places
from longitudinal.transforms.stored import StoredTransform

# DICOM's LO holds 64 characters, and PN has separators of its own.
_LONGEST_DESCRIPTION = 64
_NO_NAME = str.maketrans("\\^=\r\n\t", "      ")


class Ends(msgspec.Struct, frozen=True):
    """The two frames of a requested transform, as the patient has them.

    Attributes
    ----------
    pixel_mm
        The coarser of the two frames' finest pixels: nobody clicks more exactly.
    is_backwards
        Whether the source is the earlier frame: the object then has the inverse, because it is stored in the later study.
    """

    index: PatientIndex
    source: str
    target: str
    pixel_mm: float
    is_backwards: bool


class UnreadRegistration(msgspec.Struct, frozen=True):
    """A registration object without a readable item, and the reason."""

    sop_instance_uid: str
    orthanc_id: str
    refusal: str
    detail: str


class WaitingTransform(msgspec.Struct, frozen=True):
    """A transform that waits for a review, its patient, and why it waits."""

    stored: StoredTransform
    index: PatientIndex
    because: WaitsBecause


class GivenTransforms:
    """The operations of the routes for transforms.

    Parameters
    ----------
    store
        Where objects are stored and deleted.
    forget
        Takes Orthanc ids of deleted instances and returns once the sidecar is updated.
    settle
        Returns once the sidecar has a registration object as it is in the archive now.
    objects
        Writes new ones.
    statements
        Signs what people decide.
    """

    def __init__(
        self,
        readers: Readers,
        catalogue: Catalogue,
        archive: Archive,
        store: ArchiveWriter,
        forget: Callable[[Sequence[str]], None],
        settle: Callable[[str], None],
        objects: RegistrationObjects,
        statements: Statements,
    ) -> None:
        self._readers = readers
        self._catalogue = catalogue
        self._archive = archive
        self._store = store
        self._forget = forget
        self._settle = settle
        self._objects = objects
        self._statements = statements
        # If Orthanc does not check revisions, two simultaneous reviews would overwrite each other.
        self._annotating = threading.Lock()

    # Which frames

    def ends(self, source: str, target: str, patient: str | None) -> Ends:
        """Find the two frames of a transform.

        Raises
        ------
        NotFound
            Unknown patient.
        Ambiguous
            More than one patient has both frames.
        TransformRefused
            sameFrame, otherPatient or unknownFrame.
        """
        pair = find_frame_pair(self._readers.connection(), self._catalogue, (source, target), patient)
        index, frames = pair.index, (pair.source, pair.target)
        if frames[0] == frames[1]:
            detail = "both are the same Frame of Reference: its points need no transform"
            fields = [FieldError("/targetFrameOfReferenceUid", "is the source's frame")]
            raise TransformRefused(GivenTransformRefusal.SAME_FRAME, detail, fields)
        pixel = max(_finest_pixel(index, frame) for frame in frames)
        backwards = first_series(index, frames[0]) < first_series(index, frames[1])
        return Ends(index, *frames, pixel, backwards)

    # Operations on transforms

    def create(self, ends: Ends, given: GivenTransform, user: str) -> StoredTransform:
        """Write a transform to the archive; the very next question uses it.

        Raises
        ------
        ArchiveFailed
            Orthanc did not store it; nothing is left behind.
        """
        now = datetime.now(UTC)
        later, earlier = (ends.target, ends.source) if ends.is_backwards else (ends.source, ends.target)
        matrix = affine.invert(given.matrix) if ends.is_backwards else given.matrix
        notes = Notes(
            given.expected_error_mm, given.error_source, given_origin="person", given_by=user, given_at=now.isoformat()
        )  # fmt: skip
        stored = self._objects.write(
            ends.index, matrix, later=later, earlier=earlier,
            authorship=_authorship(user, now, is_fit=given.fit is not None), notes=notes,
            errors=given.errors if ends.is_backwards else given.errors_in_target(),
        )  # fmt: skip
        return self.get(stored.transform)

    def review(self, transform: str, decision: str, user: str, why: str = "") -> StoredTransform:
        """Accept or reject a transform, in the reviewer's own words if there are any.

        Raises
        ------
        NotFound, Ambiguous
            No transform, or more than one, has this id.
        Conflict
            The transform is refused, so nothing can be decided; or this node cannot sign an acceptance.
        """
        stored = self.get(transform)
        if stored.refusal is not None:
            raise Conflict(f"the transform is not used in any case: {stored.refusal}")
        self._decide(stored, decision, user, why)
        return self.get(transform)

    def remove(self, transform: str, user: str) -> bool:
        """Delete a transform made by the plugin with its object (True); reject any other, which stays (False)."""
        stored = self.get(transform)
        if not stored.is_own:
            self._decide(stored, "rejected", user)
            return False
        self._store.delete(stored.orthanc_id)
        self._forget([stored.orthanc_id])
        return True

    def _decide(self, stored: StoredTransform, decision: str, user: str, why: str = "") -> None:
        at = datetime.now(UTC).isoformat()
        try:
            with self._annotating:
                self._store.change_annotation(
                    stored.orthanc_id,
                    lambda text: self._statements.decide(
                        stored.orthanc_id, text, stored.item, decision, user, at, why
                    ),
                )
        except InstanceGone:
            self._forget([stored.orthanc_id])
            raise NotFound(f"there is no transform {stored.id} any more") from None
        self._settle(stored.orthanc_id)

    # Reading

    def get(self, transform: str) -> StoredTransform:
        """One transform by its id.

        Raises
        ------
        NotFound, Ambiguous
            No transform, or more than one, has this id.
        """
        owners = owners_of_transform(self._readers.connection(), transform)
        gone = [orthanc_id for _, orthanc_id in owners if not self._archive.has_instance(orthanc_id)]
        if gone:
            self._forget(gone)
        owners = [owner for owner in owners if owner[1] not in gone]
        if len(owners) > 1:
            ids = [orthanc_id for _, orthanc_id in owners]
            raise Ambiguous(
                f"the object of transform {transform} is stored {len(ids)} times", orthanc_ids=ids
            )
        index = self._catalogue.patient(owners[0][0]) if owners else None
        found = (
            None if index is None else next((one for one in index.transforms if one.id == transform), None)
        )
        if found is None:
            raise NotFound(f"there is no transform {transform}")
        return found

    def unsigned(self, stored: StoredTransform) -> tuple[str, ...]:
        """Which statements about a transform exist but do not count: "given", "review"."""
        return self._statements.unsigned(stored.orthanc_id, stored.item)

    def waiting(self, patient: str | None, limit: int, offset: int) -> tuple[int, list[WaitingTransform]]:
        """How many transforms wait for a person's review, and one page of them: of a patient, or of all.

        Those with an unknown error come first, then the largest errors. Raises NotFound.
        """
        connection = self._readers.connection()
        key = None if patient is None else patient_key_of(connection, patient)
        if patient is not None and key is None:
            raise _missing("patientId", f"no patient {patient} is indexed here")
        waiting = read_waiting(connection, Equipment().manufacturer, GIVEN_LABELS, key)
        found: list[WaitingTransform] = []
        for one in waiting[offset : offset + limit]:
            index = self._catalogue.patient(one.patient_key)
            transforms = () if index is None else index.transforms
            found += [
                WaitingTransform(stored, index, one.because)
                for stored in transforms
                if index is not None and (stored.id, stored.orthanc_id) == (one.transform, one.orthanc_id)
            ]
        return len(waiting), found

    def least_sure(self, transform: str) -> list[UnsurePlace]:
        """The places where a transform is least sure, far from each other. Raises NotFound, Ambiguous."""
        stored = self.get(transform)
        return [] if stored.edge is None else least_sure_places(stored.edge)

    def of_patient(self, patient: str) -> tuple[tuple[StoredTransform, ...], list[UnreadRegistration]]:
        """Every transform of a patient, including refused and rejected ones, and objects that could not be read at all."""
        connection = self._readers.connection()
        key = patient_key_of(connection, patient)
        index = None if key is None else self._catalogue.patient(key)
        if key is None or index is None:
            raise _missing("patientId", f"no patient {patient} is indexed here")
        unread = [
            UnreadRegistration(row["sop_instance_uid"], row["orthanc_id"], _why_unread(row), row["detail"] or "")
            for row in read_registrations_without_items(connection, key, REGISTRATIONS)
        ]  # fmt: skip
        return index.transforms, unread


def _finest_pixel(index: PatientIndex, frame: str) -> float:
    """The finest pixel in a frame, mm: the geometric mean of its spacings."""
    stacks = np.flatnonzero(index.stack_frame == index.frames.index(frame))
    planes = index.stack_set.planes[[int(index.stack_set.start[stack]) for stack in stacks]]
    return float(np.sqrt(planes["spacing"].prod(axis=1)).min())


def _authorship(user: str, now: datetime, *, is_fit: bool) -> Authorship:
    name = user.translate(_NO_NAME).strip()
    return Authorship(
        created=now,
        content_label=LANDMARKS if is_fit else MATRIX,
        content_description=f"given by {name or 'a person'}"[:_LONGEST_DESCRIPTION],
        creator_name=name[:_LONGEST_DESCRIPTION],
        registration_type=RegistrationType.FIDUCIALS if is_fit else None,
        equipment=Equipment(software_versions=__version__),
    )


def _why_unread(row: sqlite3.Row) -> str:
    """Every registration object is `notAnImage`; here the code means that it has nothing usable."""
    if row["reason"] not in (None, NotIndexableReason.NOT_AN_IMAGE):
        return str(row["reason"])
    if row["sop_class_uid"] in REGISTRATIONS:
        return RegistrationRefusal.NO_REGISTRATION
    return RegistrationRefusal.NOT_A_REGISTRATION


def _missing(field: str, detail: str) -> NotFound:
    return NotFound(detail, [FieldError(field, detail)])
