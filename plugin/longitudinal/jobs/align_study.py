"""The job that aligns a study with its best partner: indexes what is missing, chooses, has it registered, keeps it."""

from collections.abc import Sequence
from contextlib import suppress

import msgspec
import numpy as np

from longitudinal.alignment.candidate import AcquisitionOf
from longitudinal.alignment.outcome import Outcome, Outcomes
from longitudinal.alignment.partner import MOST_PARTNERS, Pair, Wish, choose
from longitudinal.dicom.deformable_registration import DisplacementField
from longitudinal.geometry import affine
from longitudinal.jobs.index_study import IndexStudy, UnreadableInstances
from longitudinal.jobs.messages import Registered, Task, Unusable
from longitudinal.jobs.scan_planes import planes_of
from longitudinal.jobs.supervisor import JobContext
from longitudinal.jobs.worker_pool import WorkerPool
from longitudinal.points.catalogue import Catalogue
from longitudinal.points.patient_index import PatientIndex
from longitudinal.settings import Settings
from longitudinal.sidecar.browse import owners_of_study
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.jobs import JobRequest, Priority
from longitudinal.transforms.attempts import Figure
from longitudinal.transforms.error_at_place import ErrorGrid
from longitudinal.transforms.grid_storage import decode_field

KIND = "align"


class Initial(msgspec.Struct, rename="camel", frozen=True):
    """Where the search begins: (4, 4), target from source, between two frames, LPS mm."""

    source_frame: str
    target_frame: str
    matrix: list[list[float]]


class Parameters(msgspec.Struct, rename="camel", frozen=True):
    """What an align job is told beside its subject.

    `partners` are Orthanc ids of the studies to choose from, null for all of the patient that are indexed; `series` are
    SeriesInstanceUIDs that stand for their studies; `by` is who asked, empty where nobody did.
    """

    method: str = "rigid"
    partners: list[str] | None = None
    series: list[str] = []
    initial: Initial | None = None
    is_asked: bool = False
    by: str = ""


class AlignedPair(msgspec.Struct, rename="camel", frozen=True):
    """What came of one pair: `transform` is its id, null where the alignment was refused, with `reason`.

    `rejection` is the code of the reason. Of a stored one: the size of the object in the archive, in bytes.
    """

    study_instance_uid: str
    partner_study_instance_uid: str
    series_instance_uid: str
    partner_series_instance_uid: str
    method: str
    transform: str | None
    rejection: str | None
    reason: str | None
    quality: dict[str, Figure]
    engine: str
    seconds: float
    peak_mib: float
    object_bytes: int | None


class Aligned(msgspec.Struct, rename="camel", frozen=True):
    """The result of an align job.

    `outcome`: aligned; failed, where every pair was refused by its own checks; nothingToDo, where the study is joined
    already or has no comparable partner; identityConflict, where nobody knows whether the patient is one person.
    """

    outcome: str
    pairs: list[AlignedPair]


def request_alignment(study: str, parameters: Parameters, priority: int = Priority.ASKED) -> JobRequest:
    """A job that aligns a study (Orthanc id)."""
    return JobRequest(KIND, study, priority, parameters=msgspec.json.encode(parameters).decode())


class AlignStudy:
    """Does align jobs, as many at once as there are workers."""

    def __init__(
        self,
        readers: Readers,
        catalogue: Catalogue,
        index_study: IndexStudy,
        acquisition_of: AcquisitionOf,
        outcomes: Outcomes,
        workers: WorkerPool,
        settings: Settings,
    ) -> None:
        self._readers = readers
        self._catalogue = catalogue
        self._index_study = index_study
        self._acquisition_of = acquisition_of
        self._outcomes = outcomes
        self._workers = workers
        self._threads, self._acceptance = settings.worker_threads, settings.acceptance

    def __call__(self, context: JobContext) -> Aligned:
        """Do it.

        Raises
        ------
        JobInterruption, JobCrashed
            As the worker does.
        TaskFailed, ArchiveFailed
            The job has failed.
        """
        parameters = msgspec.json.decode(context.job.parameters, type=Parameters)
        study = context.job.subject
        for missing in dict.fromkeys([study, *(parameters.partners or [])]):
            with suppress(UnreadableInstances):  # all others are indexed, and may do
                self._index_study.index(context, missing)
        index = self._patient_of(study)
        if index is None:
            return Aligned("nothingToDo", [])
        if index.identity_conflict and not parameters.is_asked:
            return Aligned("identityConflict", [])
        done: list[AlignedPair] = []
        seen: set[str] = set()
        wish = _wish(study, parameters)
        while index is not None and (choice := choose(index, wish, self._acquisition_of, seen)) is not None:
            seen.add(choice.frame)
            done += self._first_that_fits(context, index, choice.pairs[:MOST_PARTNERS], parameters)
            index = self._patient_of(study)
        outcome = "nothingToDo" if not done else "aligned" if any(one.transform for one in done) else "failed"
        return Aligned(outcome, done)

    def _first_that_fits(
        self, context: JobContext, index: PatientIndex, pairs: Sequence[Pair], parameters: Parameters
    ) -> list[AlignedPair]:
        """Try pairs one after the other until one is good enough."""
        tried: list[AlignedPair] = []
        for pair in pairs:
            tried.append(self._align(context, index, pair, parameters))
            if tried[-1].transform is not None:
                break
        return tried

    def _align(
        self, context: JobContext, index: PatientIndex, pair: Pair, parameters: Parameters
    ) -> AlignedPair:
        initial = _initial(pair, parameters.initial)
        fixed, moving = (
            planes_of(index, scan.stack, self._acquisition_of(scan.instance))
            for scan in (pair.fixed, pair.moving)
        )
        task = Task(fixed, moving, parameters.method, self._threads, self._acceptance, initial)
        answer = self._workers.register(task, context)
        if isinstance(answer, Unusable):
            answer = _unusable(answer)
        outcome = _outcome(answer, parameters.method, initial)
        stored = None
        if outcome.rejection is None:
            stored = self._outcomes.keep(index, pair, outcome, parameters.by)
        else:
            self._outcomes.refuse(index, pair, outcome, parameters.by)
        study, partner = (index.studies[scan.study].study_instance_uid for scan in (pair.moving, pair.fixed))
        series, other = (index.series[scan.series].series_instance_uid for scan in (pair.moving, pair.fixed))
        return AlignedPair(
            study, partner, series, other, parameters.method, None if stored is None else stored.transform,
            answer.rejection, answer.reason, answer.quality, answer.engine, answer.seconds, answer.peak_mib,
            None if stored is None else stored.file_bytes,
        )  # fmt: skip

    def _patient_of(self, study: str) -> PatientIndex | None:
        owners = owners_of_study(self._readers.connection(), study)
        return self._catalogue.patient(int(owners[0]["patient_key"])) if owners else None


def _wish(study: str, parameters: Parameters) -> Wish:
    initial = parameters.initial
    return Wish(
        study,
        parameters.method,
        None if parameters.partners is None else frozenset(parameters.partners),
        frozenset(parameters.series),
        frozenset() if initial is None else frozenset((initial.source_frame, initial.target_frame)),
        parameters.is_asked,
    )


def _initial(pair: Pair, initial: Initial | None) -> list[list[float]] | None:
    """Moving from fixed, as the worker wants it."""
    if initial is None:
        return None
    matrix = np.array(initial.matrix, dtype=np.float64)
    if initial.source_frame != pair.fixed.frame:
        matrix = affine.invert(matrix)
    found: list[list[float]] = matrix.tolist()
    return found


def _unusable(answer: Unusable) -> Registered:
    """A scan that cannot be registered at all is an alignment that failed, and nobody tries it again."""
    reason = f"the {answer.scan} scan cannot be registered: {answer.detail}"
    return Registered([], None, "", {}, None, answer.reason, reason, 0.0, 0.0)


def _outcome(answer: Registered, method: str, initial: list[list[float]] | None) -> Outcome:
    transform: affine.Matrix | DisplacementField = np.eye(4)
    if answer.grid is not None:
        transform = decode_field(answer.grid)
    elif answer.rejection is None:
        transform = affine.invert(np.array(answer.moving_from_fixed, dtype=np.float64))
    return Outcome(
        transform=transform,
        method=method,
        engine=answer.engine,
        quality=answer.quality,
        expected_error_mm=answer.expected_error_mm,
        rejection=answer.rejection,
        reason=answer.reason,
        initial=initial,
        errors=None if answer.errors is None else ErrorGrid.from_bytes(answer.errors),
    )
