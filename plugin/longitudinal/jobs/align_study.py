"""The job that aligns a study with its best partner: indexes what is missing, chooses, has it registered, keeps it."""

from contextlib import suppress

import msgspec

from longitudinal.alignment.partner import Choice, Wish, choose
from longitudinal.jobs.align_pair import AlignedPair, AlignPair, Initial, Order
from longitudinal.jobs.align_progress import AlignProgress
from longitudinal.jobs.index_study import IndexStudy, UnreadableInstances
from longitudinal.jobs.supervisor import JobContext
from longitudinal.patients.catalogue import Catalogue
from longitudinal.patients.patient_index import PatientIndex
from longitudinal.sidecar.browse import owners_of_study
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.jobs import JobRequest, Priority

KIND = "align"


class AlignParameters(msgspec.Struct, rename="camel", frozen=True):
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


class Aligned(msgspec.Struct, rename="camel", frozen=True):
    """The result of an align job.

    `outcome`: aligned; failed, where every pair failed; nothingToDo, where the study is joined already or has no
    comparable partner; identityConflict, where nobody knows whether the patient is one person.
    """

    outcome: str
    pairs: list[AlignedPair]


def request_alignment(study: str, parameters: AlignParameters, priority: int = Priority.ASKED) -> JobRequest:
    """A job that aligns a study (Orthanc id)."""
    text = msgspec.json.encode(parameters).decode()
    return JobRequest(KIND, study, priority, parameters=text, owner=parameters.by)


class AlignStudy:
    """Does align jobs, as many at once as there are workers."""

    def __init__(
        self, readers: Readers, catalogue: Catalogue, index_study: IndexStudy, align_pair: AlignPair
    ) -> None:
        self._readers = readers
        self._catalogue = catalogue
        self._index_study = index_study
        self._align_pair = align_pair

    def __call__(self, context: JobContext) -> Aligned:
        """Do it. A pair that fails is that pair's failure, and the next one is tried.

        Raises
        ------
        JobInterruption, JobCrashed
            As the worker does.
        """
        parameters = msgspec.json.decode(context.job.parameters, type=AlignParameters)
        study = context.job.subject
        for missing in dict.fromkeys([study, *(parameters.partners or [])]):
            with suppress(UnreadableInstances):  # all others are indexed, and may do
                self._index_study.index(context, missing)
        index = self._patient_of(study)
        if index is None:
            return Aligned("nothingToDo", [])
        if index.identity_conflict and not parameters.is_asked:
            return Aligned("identityConflict", [])
        progress = AlignProgress.read(context.job.memory)
        order = Order(parameters.method, parameters.initial, parameters.by)
        wish = _wish(study, parameters)
        has_begun = False
        while index is not None and (choice := self._choose(index, wish, progress)) is not None:
            context.checkpoint()
            if has_begun:
                context.moved_on()
            has_begun = True
            progress = progress.after(choice, self._align_pair(context, index, choice.pairs[0], order))
            context.remember(progress.text())
            index = self._patient_of(study)
        return Aligned(progress.outcome, progress.pairs)

    def _choose(self, index: PatientIndex, wish: Wish, progress: AlignProgress) -> Choice | None:
        known = self._align_pair
        return choose(index, wish, known.acquisition_of, known.last_update_of, progress.tried())

    def _patient_of(self, study: str) -> PatientIndex | None:
        owners = owners_of_study(self._readers.connection(), study)
        return self._catalogue.patient(int(owners[0]["patient_key"])) if owners else None


def _wish(study: str, parameters: AlignParameters) -> Wish:
    initial = parameters.initial
    return Wish(
        study,
        parameters.method,
        None if parameters.partners is None else frozenset(parameters.partners),
        frozenset(parameters.series),
        frozenset() if initial is None else frozenset((initial.source_frame, initial.target_frame)),
        parameters.is_asked,
    )
