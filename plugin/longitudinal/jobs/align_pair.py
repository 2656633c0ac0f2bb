"""One pair of an align job: registered by a worker, and kept, or noted as failed with its reason."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from longitudinal.alignment.acquisition import Acquisition
from longitudinal.alignment.candidate import AcquisitionOf, StackCandidate
from longitudinal.alignment.failures import FAILURES, LastUpdateOf
from longitudinal.alignment.outcome import Outcome, Outcomes, images_of
from longitudinal.alignment.partner import Pair
from longitudinal.dicom.planes.contrast import Contrast
from longitudinal.dicom.registration.deformable_registration import DisplacementField
from longitudinal.errors import ArchiveFailed, NotFound
from longitudinal.geometry import affine
from longitudinal.jobs.messages import AlignTask, Registered, Unusable
from longitudinal.jobs.scan_planes import planes_of
from longitudinal.jobs.supervisor import ArchiveSilent, JobContext, JobCrashed
from longitudinal.jobs.worker_pool import WorkerPool
from longitudinal.jobs.worker_process import TaskFailed
from longitudinal.patients.patient_index import PatientIndex
from longitudinal.settings import Settings
from longitudinal.transforms.attempts import Figure
from longitudinal.transforms.error_at_place import ErrorGrid
from longitudinal.transforms.grid_storage import decode_field

LOGGER = logging.getLogger(__name__)

RIGID = "rigid"
IMAGE_GONE = "imageGone"
IMAGE_UNAVAILABLE = "imageUnavailable"


class Initial(msgspec.Struct, rename="camel", frozen=True):
    """Where the search begins: (4, 4), target from source, between two frames, LPS mm."""

    source_frame: str
    target_frame: str
    matrix: list[list[float]]


@dataclass(frozen=True, slots=True)
class Order:
    """How a pair is to be aligned; `by` is who asked, empty where nobody did."""

    method: str
    initial: Initial | None
    by: str


class AlignedPair(msgspec.Struct, rename="camel", frozen=True):
    """What came of one pair: `transform` is its id, null where the alignment failed, with `reason`.

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


@dataclass(frozen=True, slots=True)
class PairOutcome:
    """What was tried with a pair, the method that was asked for first; and the scan that is of no use, if it is one."""

    tried: tuple[AlignedPair, ...]
    unusable: StackCandidate | None = None


@dataclass(frozen=True, slots=True)
class _Answer:
    """A worker's answer; `unusable` is the scan it is about, where it is about one."""

    registered: Registered
    unusable: StackCandidate | None = None

    @property
    def failed_before_checks(self) -> bool:
        """Whether it is the two together that could not be registered at all."""
        return self.unusable is None and self.registered.rejection in FAILURES


class AlignPair:
    """Has pairs aligned.

    Parameters
    ----------
    has
        Whether an instance (Orthanc id) is in the archive at this moment.
    heal
        Takes instances that are gone out of the index.
    """

    def __init__(
        self,
        acquisition_of: AcquisitionOf,
        last_update_of: LastUpdateOf,
        outcomes: Outcomes,
        workers: WorkerPool,
        settings: Settings,
        has: Callable[[str], bool],
        heal: Callable[[Sequence[str]], None],
    ) -> None:
        self.last_update_of = last_update_of
        self._acquisition_of = acquisition_of
        self._outcomes = outcomes
        self._workers = workers
        self._threads, self._acceptance = settings.worker_threads, settings.acceptance
        self._has = has
        self._heal = heal

    def acquisition_of(self, instance: str) -> Acquisition:
        """The acquisition of a series by one of its instances; unknown where that is gone."""
        try:
            return self._acquisition_of(instance)
        except KeyError:
            return Acquisition(Contrast(""))

    def __call__(self, context: JobContext, index: PatientIndex, pair: Pair, order: Order) -> PairOutcome:
        """Align a pair.

        Raises
        ------
        JobInterruption, JobCrashed
            The pair is to be tried again: whatever that is about, it says nothing of the pair yet.
        """
        last_updates = [self.last_update_of(scan.instance) for scan in (pair.fixed, pair.moving)]
        answer = self._register(context, index, pair, order.method, order.initial)
        tried = [self._settle(index, pair, order.method, answer, order, last_updates)]
        rigid = None if answer.registered.rigid is None else _Answer(answer.registered.rigid)
        if order.method != RIGID and answer.failed_before_checks:  # without the rest it may work
            rigid = self._register(context, index, pair, RIGID, order.initial)
        if rigid is not None:
            tried.append(self._settle(index, pair, RIGID, rigid, order, last_updates))
        return PairOutcome(tuple(tried), answer.unusable)

    def _register(
        self, context: JobContext, index: PatientIndex, pair: Pair, method: str, initial: Initial | None
    ) -> _Answer:
        scans = {"fixed": pair.fixed, "moving": pair.moving}
        gone = self._gone(index, pair)
        if gone is not None:
            return _Answer(_failed(IMAGE_GONE, FAILURES[IMAGE_GONE]), gone)
        fixed, moving = (
            planes_of(index, scan.stack, self.acquisition_of(scan.instance)) for scan in scans.values()
        )
        task = AlignTask(fixed, moving, method, self._threads, self._acceptance, _initial(pair, initial))
        try:
            found = self._workers.register(task, context)
        except TaskFailed as error:
            name = f"the {error.scan} scan: " if error.scan else ""
            if error.reason == IMAGE_GONE:
                self._gone(index, pair)
            return _Answer(_failed(error.reason, f"{name}{error}"), scans.get(error.scan))
        except ArchiveSilent:
            raise
        except JobCrashed as error:
            if not context.is_last_start:
                raise
            return _Answer(_failed("workerCrashed", f"{error} ({context.job.attempts} times)"))
        if isinstance(found, Unusable):
            reason = f"the {found.scan} scan cannot be registered: {found.detail}"
            return _Answer(_failed(found.reason, reason), scans[found.scan])
        return _Answer(found)

    def _settle(
        self, index: PatientIndex, pair: Pair, method: str, answer: _Answer, order: Order, last_updates: Sequence[str]
    ) -> AlignedPair:  # fmt: skip
        """Keep what may be used, and note what failed."""
        outcome = _outcome(answer, method, _initial(pair, order.initial))
        if outcome.rejection is None:
            gone = self._gone(index, pair)  # stored now, the object would bring a deleted study back
            if gone is None:
                return self._keep(index, pair, answer.registered, outcome, order.by)
            answer = _Answer(_failed(IMAGE_GONE, FAILURES[IMAGE_GONE]), gone)
            outcome = _outcome(answer, method, None)
        if outcome.rejection != IMAGE_GONE:  # that says nothing of the images that are left
            if outcome.rejection == IMAGE_UNAVAILABLE:
                last_updates = ("", "")  # of the storage, and not of what is stored: the next job tries again
            try:
                self._outcomes.refuse(index, pair, outcome, order.by, last_updates)
            except ArchiveFailed as error:
                LOGGER.warning("A failed alignment could not be noted beside its study: %s", error)
        return _aligned_pair(index, pair, method, answer.registered)

    def _keep(
        self, index: PatientIndex, pair: Pair, registered: Registered, outcome: Outcome, user: str
    ) -> AlignedPair:
        try:
            stored = self._outcomes.keep(index, pair, outcome, user)
        except (ArchiveFailed, NotFound) as error:
            raise ArchiveSilent(str(error)) from error
        made = _aligned_pair(index, pair, outcome.method, registered)
        return msgspec.structs.replace(made, transform=stored.transform, object_bytes=stored.file_bytes)

    def _gone(self, index: PatientIndex, pair: Pair) -> StackCandidate | None:
        """The scan that has lost an image since it was indexed, which the index then knows."""
        for scan in (pair.fixed, pair.moving):
            images = dict.fromkeys(images_of(index, scan.stack)[0])
            gone = [image for image in images if not self._has(image)]
            if gone:
                self._heal(gone)
                return scan
        return None


def _initial(pair: Pair, initial: Initial | None) -> list[list[float]] | None:
    """Moving from fixed, as the worker wants it."""
    if initial is None:
        return None
    matrix = np.array(initial.matrix, dtype=np.float64)
    if initial.source_frame != pair.fixed.frame:
        matrix = affine.invert(matrix)
    found: list[list[float]] = matrix.tolist()
    return found


def _failed(rejection: str, reason: str) -> Registered:
    """An alignment that came to nothing before it could be checked."""
    return Registered([], None, "", {}, None, rejection, reason, 0.0, 0.0)


def _outcome(answer: _Answer, method: str, initial: list[list[float]] | None) -> Outcome:
    registered = answer.registered
    transform: affine.Matrix | DisplacementField = np.eye(4)
    if registered.rejection is None:
        matrix = np.array(registered.moving_from_fixed, dtype=np.float64)
        transform = affine.invert(matrix) if registered.grid is None else decode_field(registered.grid)
    return Outcome(
        transform=transform,
        method=method,
        engine=registered.engine,
        quality=registered.quality,
        expected_error_mm=registered.expected_error_mm,
        rejection=registered.rejection,
        reason=registered.reason,
        initial=initial,
        unusable=answer.unusable,
        errors=None if registered.errors is None else ErrorGrid.from_bytes(registered.errors),
    )


def _aligned_pair(index: PatientIndex, pair: Pair, method: str, answer: Registered) -> AlignedPair:
    study, partner = (index.studies[scan.study].study_instance_uid for scan in (pair.moving, pair.fixed))
    series, other = (index.series[scan.series].series_instance_uid for scan in (pair.moving, pair.fixed))
    return AlignedPair(
        study, partner, series, other, method, None, answer.rejection, answer.reason, answer.quality, answer.engine,
        answer.seconds, answer.peak_mib, None,
    )  # fmt: skip
