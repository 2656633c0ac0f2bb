"""The job that checks an alignment of an older version again: blocks, mirror image and the backward registration, without a
search.

An alignment that passes is measured again; one that fails is rejected in the name of the version that checked it, and the
object stays. A person's decision stays as well, flagged if the checks disagree.
"""

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
import numpy as np
from msgspec.structs import replace

from longitudinal.alignment.candidate import AcquisitionOf, are_comparable, find_candidates, fit_of
from longitudinal.alignment.outcome import Outcome, Outcomes
from longitudinal.alignment.partner import Pair
from longitudinal.archive import ArchiveWriter
from longitudinal.dicom.registration.authorship import GIVEN_LABELS, Equipment
from longitudinal.geometry import affine
from longitudinal.jobs.messages import AlignTask, Registered, Unusable
from longitudinal.jobs.scan_planes import planes_of
from longitudinal.jobs.supervisor import JobContext
from longitudinal.jobs.worker_pool import WorkerPool
from longitudinal.patients.catalogue import Catalogue
from longitudinal.patients.patient_index import PatientIndex
from longitudinal.registration_objects.statements import Statements
from longitudinal.settings import Settings
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.tables.jobs import JobRequest, Priority
from longitudinal.sidecar.tables.records import Notes
from longitudinal.sidecar.tables.transforms import owners_of_transform, read_grid_of, read_unchecked
from longitudinal.transforms.attempts import Figure
from longitudinal.transforms.checks import CHECKS, checked, is_for_checks, is_outdated
from longitudinal.transforms.error_at_place import ErrorGrid, digest_of, encode_error, put_error
from longitudinal.transforms.stored import StoredTransform

KIND = "recheck"
RIGID = "rigid"


class Rechecked(msgspec.Struct, rename="camel", frozen=True):
    """The result of a recheck job.

    `outcome`: passed; failed, with `rejection` and `reason`; notChecked, if the scans it joins are gone or cannot be
    registered; nothingToDo, if the transform is gone or has been checked.
    """

    outcome: str
    transform: str
    rejection: str | None = None
    reason: str | None = None
    quality: dict[str, Figure] = {}


def request_rechecks(connection: sqlite3.Connection) -> list[JobRequest]:
    """A job for every transform whose checks are outdated; nobody asked for it, and it waits for all other jobs."""
    return [
        JobRequest(KIND, transform, Priority.BACKFILL)
        for transform in read_unchecked(connection, CHECKS, Equipment().manufacturer, GIVEN_LABELS)
    ]


class Recheck:
    """Runs recheck jobs.

    Parameters
    ----------
    statements
        Signs the result of the checks.
    outcomes
        Notes failed alignments in the metadata of the later study.
    settle
        Returns when the sidecar has the statement about a registration object (Orthanc id).
    """

    def __init__(
        self,
        readers: Readers,
        catalogue: Catalogue,
        acquisition_of: AcquisitionOf,
        last_update_of: Callable[[str], str],
        store: ArchiveWriter,
        statements: Statements,
        outcomes: Outcomes,
        settle: Callable[[str], None],
        workers: WorkerPool,
        settings: Settings,
    ) -> None:
        self._readers = readers
        self._catalogue = catalogue
        self._acquisition_of = acquisition_of
        self._last_update_of = last_update_of
        self._store = store
        self._statements = statements
        self._outcomes = outcomes
        self._settle = settle
        self._workers = workers
        self._threads, self._acceptance = settings.worker_threads, settings.acceptance

    def __call__(self, context: JobContext) -> list[Rechecked]:
        """Check every object with the id of the job.

        Raises
        ------
        JobInterruption, JobCrashed
            As the worker raises them.
        TaskFailed, ArchiveFailed
            The job has failed.
        """
        transform = context.job.subject
        done = [
            self._check(context, index, stored)
            for key, orthanc_id in owners_of_transform(self._readers.connection(), transform)
            if (index := self._catalogue.patient(key)) is not None
            for stored in index.transforms
            if stored.id == transform and stored.orthanc_id == orthanc_id
        ]
        return done or [Rechecked("nothingToDo", transform)]

    def _check(self, context: JobContext, index: PatientIndex, stored: StoredTransform) -> Rechecked:
        if stored.edge is None or not is_outdated(stored.notes, stored.origin):
            return Rechecked("nothingToDo", stored.id)
        pair = pair_of(index, stored, self._acquisition_of)
        if pair is None:
            return Rechecked("notChecked", stored.id, reason="the scans that it joins are gone")
        # before the pixels are read: what is stored meanwhile makes a failure out of date
        last_updates = [self._last_update_of(one.instance) for one in (pair.fixed, pair.moving)]
        answer = self._workers.register(self._task(index, pair, stored), context)
        if isinstance(answer, Unusable):
            reason = f"the {answer.scan} scan cannot be registered: {answer.detail}"
            return Rechecked("notChecked", stored.id, answer.reason, reason)
        self._say(stored, answer)
        if answer.rejection is not None and is_for_checks(stored.notes):
            self._outcomes.refuse(index, pair, _failed(answer, stored.kind or RIGID), "", last_updates)
        outcome = "passed" if answer.rejection is None else "failed"
        return Rechecked(outcome, stored.id, answer.rejection, answer.reason, answer.quality)

    def _task(self, index: PatientIndex, pair: Pair, stored: StoredTransform) -> AlignTask:
        fixed, moving = (
            planes_of(index, scan.stack, self._acquisition_of(scan.instance))
            for scan in (pair.fixed, pair.moving)
        )
        known: list[list[float]] | bytes | None
        if stored.matrix is not None:
            known = affine.invert(stored.matrix).tolist()
        else:  # as a deformable REG runs: from its own frame, which is the fixed one (PS3.3 C.20.3.1.1)
            known = read_grid_of(self._readers.connection(), stored.id, stored.orthanc_id)
        return AlignTask(fixed, moving, stored.kind or RIGID, self._threads, self._acceptance, known=known)

    def _say(self, stored: StoredTransform, answer: Registered) -> None:
        at = datetime.now(UTC).isoformat()
        errors = _errors(answer)

        def change(notes: Notes) -> Notes:
            found = checked(
                notes, answer.quality, answer.expected_error_mm, answer.rejection, answer.reason, answer.engine, at
            )  # fmt: skip
            return replace(found, errors_digest=None if errors is None else digest_of(errors))

        # first, so that a job that is interrupted in between is not finished
        if errors is not None:
            self._store.change_errors_at_place(
                stored.orthanc_id, lambda text: put_error(text, stored.item, errors)
            )
        self._store.change_annotation(
            stored.orthanc_id,
            lambda text: self._statements.restate(stored.orthanc_id, text, stored.item, change),
        )
        self._settle(stored.orthanc_id)


def _errors(answer: Registered) -> bytes | None:
    """The measured errors of an alignment that passed, as kept in the metadata of the object."""
    if answer.rejection is not None or answer.errors is None:
        return None
    return encode_error(ErrorGrid.from_bytes(answer.errors))


def _failed(answer: Registered, method: str) -> Outcome:
    """What is noted in the metadata of the later study, so that an answer can say why there is no transform."""
    return Outcome(
        np.eye(4), method, answer.engine, answer.quality, answer.expected_error_mm, answer.rejection, answer.reason
    )  # fmt: skip


def pair_of(index: PatientIndex, stored: StoredTransform, acquisition_of: AcquisitionOf) -> Pair | None:
    """The scans for checking a transform: the best pair of its two frames, chosen as when the transform was made."""
    candidates = find_candidates(index)
    pairs = [
        (fit_of(fixed, moving, acquisition_of), fixed.stack, moving.stack, Pair(fixed, moving))
        for fixed in candidates
        if fixed.frame == stored.target_frame
        for moving in candidates
        if moving.frame == stored.source_frame and are_comparable(fixed, moving, acquisition_of)
    ]
    return min(pairs, key=lambda entry: entry[:3])[-1] if pairs else None
