"""The outcome of an alignment: a registration object if it is accepted, otherwise a record beside the later study."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from longitudinal.alignment.candidate import StackCandidate
from longitudinal.alignment.partner import Pair
from longitudinal.archive import ArchiveWriter
from longitudinal.dicom.registration.authorship import Authorship, Equipment, RegistrationType
from longitudinal.dicom.registration.displacement_field import DisplacementField
from longitudinal.geometry import affine
from longitudinal.patients.patient_index import PatientIndex
from longitudinal.registration_objects.written import RegistrationObjects, StoredObject
from longitudinal.sidecar.tables.records import Notes
from longitudinal.transforms.attempts import Attempt, Figure, TriedSeries, add_attempt
from longitudinal.transforms.error_at_place import ErrorAtPlace

# DICOM's LO holds 64 characters.
_LONGEST_VERSION = 64


class Outcome(msgspec.Struct, frozen=True, eq=False):
    """An alignment as the worker made it.

    Attributes
    ----------
    transform
        (4, 4) fixed from moving, mm; or a field, moving from fixed.
    quality
        Its figures.
    expected_error_mm
        The median of the bounds at its measured places; None if unknown.
    rejection, reason
        Code and description; None if it may be used.
    initial
        The starting point, if somebody gave one: part of the object's identity.
    unusable
        The scan that cannot be used at all; None if the two failed together, or nothing failed.
    errors
        The error measured place by place, in the fixed frame.
    """

    transform: affine.Matrix | DisplacementField
    method: str
    engine: str
    quality: Mapping[str, Figure]
    expected_error_mm: float | None
    rejection: str | None
    reason: str | None
    initial: Sequence[Sequence[float]] | None = None
    unusable: StackCandidate | None = None
    errors: ErrorAtPlace | None = None


class Outcomes:
    """Stores outcomes in the archive.

    Parameters
    ----------
    settle_study
        Returns once the sidecar has the metadata of a study (Orthanc id).
    """

    def __init__(
        self, objects: RegistrationObjects, store: ArchiveWriter, settle_study: Callable[[str], None]
    ) -> None:
        self._objects = objects
        self._store = store
        self._settle_study = settle_study

    def keep(self, index: PatientIndex, pair: Pair, outcome: Outcome, user: str) -> StoredObject:
        """Store the transform; made twice from the same images it is the same file. Raises ArchiveFailed.

        When it was made is part of the statement, not of the object.
        """
        notes = Notes(
            expected_error_mm=outcome.expected_error_mm,
            error_source=None if outcome.expected_error_mm is None else "forwardBackward",
            given_origin="automatic",
            given_by=user,
            given_at=datetime.now(UTC).isoformat(),
            quality=msgspec.json.encode(outcome.quality).decode(),
        )
        return self._objects.write(
            index,
            outcome.transform,
            later=pair.moving.frame,
            earlier=pair.fixed.frame,
            authorship=Authorship(
                created=None,
                registration_type=RegistrationType.IMAGE_CONTENT,
                equipment=Equipment(software_versions=outcome.engine[:_LONGEST_VERSION]),
            ),
            notes=notes,
            entropy=entropy_of(index, pair, outcome),
            errors=outcome.errors,
        )

    def refuse(
        self, index: PatientIndex, pair: Pair, outcome: Outcome, user: str, last_updates: Sequence[str]
    ) -> None:
        """Record beside the later study that it was tried, and why it failed.

        Parameters
        ----------
        last_updates
            Those of the fixed and the moving scan's series, from before the pixels were read.

        Raises
        ------
        ArchiveFailed
            Orthanc did not store the record, or the study no longer exists.
        """
        later = index.studies[pair.moving.study].orthanc_id
        series = [index.series[scan.series].series_instance_uid for scan in (pair.fixed, pair.moving)]
        unusable = outcome.unusable
        attempt = Attempt(
            frame_of_reference_uid=pair.moving.frame,
            partner_frame_of_reference_uid=pair.fixed.frame,
            partner_study_instance_uid=index.studies[pair.fixed.study].study_instance_uid,
            method=outcome.method,
            engine=outcome.engine,
            rejection=outcome.rejection or "",
            reason=outcome.reason or "",
            quality=dict(outcome.quality),
            at=datetime.now(UTC).isoformat(),
            by=user,
            series=[TriedSeries(uid, updated) for uid, updated in zip(series, last_updates, strict=True)],
            unusable_series_instance_uid=(
                "" if unusable is None else index.series[unusable.series].series_instance_uid
            ),
        )
        self._store.change_attempts(later, lambda text: add_attempt(text, attempt))
        self._settle_study(later)


def entropy_of(index: PatientIndex, pair: Pair, outcome: Outcome) -> list[str]:
    """What makes two objects the same: frames, method, engine, images and starting point."""
    return [
        pair.moving.frame,
        pair.fixed.frame,
        outcome.method,
        outcome.engine,
        *(uid for scan in (pair.moving, pair.fixed) for uid in images_of(index, scan.stack)[1]),
        repr([[float(value) for value in row] for row in outcome.initial or []]),
    ]


def images_of(index: PatientIndex, stack: int) -> tuple[list[str], list[str]]:
    """Orthanc id and SOP Instance UID of the image of each plane of a stack."""
    start, end = (int(value) for value in index.stack_set.start[stack : stack + 2])
    series = index.series[int(index.stack_series[stack])]
    numbers = index.plane_instance[start:end].tolist()
    return [series.orthanc_ids[number] for number in numbers], [
        series.sop_instance_uids[number] for number in numbers
    ]
