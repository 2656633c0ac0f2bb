"""One pair of an align job: registered by a worker, and stored, or noted as failed with its reason."""

import logging
from collections.abc import Callable, Sequence

import msgspec
import numpy as np

from longitudinal.alignment.acquisition import Acquisition
from longitudinal.alignment.candidate import AcquisitionOf, StackCandidate
from longitudinal.alignment.failures import LastUpdateOf, failed_before_checks
from longitudinal.alignment.outcome import Outcome, Outcomes, images_of
from longitudinal.alignment.partner import Pair
from longitudinal.dicom.planes.contrast import Contrast
from longitudinal.dicom.registration.displacement_field import DisplacementField
from longitudinal.errors import ArchiveFailed, NotFound
from longitudinal.geometry import affine
from longitudinal.jobs.messages import AlignTask, Registered, Unusable
from longitudinal.jobs.scan_planes import planes_of
from longitudinal.jobs.supervisor import ArchiveSilent, JobContext, JobCrashed
from longitudinal.jobs.worker_pool import WorkerPool
from longitudinal.jobs.worker_process import TaskFailed
from longitudinal.patients.patient_index import PatientIndex
from longitudinal.reasons import AlignmentFailure
from longitudinal.settings import Settings
from longitudinal.transforms.attempts import Figure
from longitudinal.transforms.error_at_place import ErrorGrid
from longitudinal.transforms.grid_storage import decode_field

LOGGER = logging.getLogger(__name__)

RIGID = "rigid"


class Initial(msgspec.Struct, rename="camel", frozen=True):
    """The start of the search: (4, 4), target from source, between two frames, LPS mm."""

    source_frame: str
    target_frame: str
    matrix: list[list[float]]


class Order(msgspec.Struct, frozen=True):
    """How a pair is to be aligned; `by` is the user who asked, empty if nobody did."""

    method: str
    initial: Initial | None
    by: str


class AlignedPair(msgspec.Struct, rename="camel", frozen=True):
    """The result of one pair: `transform` is its id, null if the alignment failed for `reason`.

    `rejection` is the code of the reason. `object_bytes` is the size of the stored object in the archive.
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


class PairOutcome(msgspec.Struct, frozen=True):
    """What was tried with a pair, the requested method first; and the scan that cannot be used, if there is one."""

    tried: tuple[AlignedPair, ...]
    unusable: StackCandidate | None = None


class _Answer(msgspec.Struct, frozen=True):
    """A worker's answer; `unusable` is the scan that cannot be used, if it is about one."""

    registered: Registered
    unusable: StackCandidate | None = None

    @property
    def failed_before_checks(self) -> bool:
        """Whether the two scans together could not be registered at all."""
        return self.unusable is None and failed_before_checks(self.registered.rejection)


class AlignPair:
    """Has pairs aligned.

    Parameters
    ----------
    has
        Whether an instance (Orthanc id) is in the archive at present.
    heal
        Removes deleted instances from the index.
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
        """The acquisition of a series by one of its instances; unknown if the instance is gone."""
        try:
            return self._acquisition_of(instance)
        except KeyError:
            return Acquisition(Contrast(""))

    def __call__(self, context: JobContext, index: PatientIndex, pair: Pair, order: Order) -> PairOutcome:
        """Align a pair.

        Raises
        ------
        JobInterruption, JobCrashed
            The pair is to be tried again: the error says nothing about the pair.
        """
        last_updates = [self.last_update_of(scan.instance) for scan in (pair.fixed, pair.moving)]
        answer = self._register(context, index, pair, order.method, order.initial)
        tried = [self._settle(index, pair, order.method, answer, order, last_updates)]
        rigid = None if answer.registered.rigid is None else _Answer(answer.registered.rigid)
        if order.method != RIGID and answer.failed_before_checks:  # the rigid registration alone may work
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
            return _Answer(
                _failed(AlignmentFailure.IMAGE_GONE, AlignmentFailure.IMAGE_GONE.explanation), gone
            )
        fixed, moving = (
            planes_of(index, scan.stack, self.acquisition_of(scan.instance)) for scan in scans.values()
        )
        task = AlignTask(fixed, moving, method, self._threads, self._acceptance, _initial(pair, initial))
        try:
            found = self._workers.register(task, context)
        except TaskFailed as error:
            name = f"the {error.scan} scan: " if error.scan else ""
            if error.reason == AlignmentFailure.IMAGE_GONE:
                self._gone(index, pair)
            return _Answer(_failed(error.reason, f"{name}{error}"), scans.get(error.scan))
        except ArchiveSilent:
            raise
        except JobCrashed as error:
            if not context.is_last_start:
                raise
            return _Answer(
                _failed(AlignmentFailure.WORKER_CRASHED, f"{error} ({context.job.attempts} times)")
            )
        if isinstance(found, Unusable):
            reason = f"the {found.scan} scan cannot be registered: {found.detail}"
            return _Answer(_failed(found.reason, reason), scans[found.scan])
        return _Answer(found)

    def _settle(
        self, index: PatientIndex, pair: Pair, method: str, answer: _Answer, order: Order, last_updates: Sequence[str]
    ) -> AlignedPair:  # fmt: skip
        """Store an accepted alignment, or note a failed one."""
        outcome = _outcome(answer, method, _initial(pair, order.initial))
        if outcome.rejection is None:
            gone = self._gone(index, pair)  # storing the object now would recreate a deleted study
            if gone is None:
                return self._keep(index, pair, answer.registered, outcome, order.by)
            answer = _Answer(
                _failed(AlignmentFailure.IMAGE_GONE, AlignmentFailure.IMAGE_GONE.explanation), gone
            )
            outcome = _outcome(answer, method, None)
        if outcome.rejection != AlignmentFailure.IMAGE_GONE:  # says nothing about the remaining images
            if outcome.rejection == AlignmentFailure.IMAGE_UNAVAILABLE:
                last_updates = ("", "")  # a fault of the storage, not of the images: the next job tries again
            try:
                self._outcomes.refuse(index, pair, outcome, order.by, last_updates)
            except ArchiveFailed as error:
                LOGGER.warning(
                    "A failed alignment could not be written to the metadata of its study: %s", error
                )
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
        """The scan of which an image was deleted since it was indexed; the index is updated."""
        for scan in (pair.fixed, pair.moving):
            images = dict.fromkeys(images_of(index, scan.stack)[0])
            gone = [image for image in images if not self._has(image)]
            if gone:
                self._heal(gone)
                return scan
        return None


def _initial(pair: Pair, initial: Initial | None) -> list[list[float]] | None:
    """Moving from fixed, as the worker expects it."""
    if initial is None:
        return None
    matrix = np.array(initial.matrix, dtype=np.float64)
    if initial.source_frame != pair.fixed.frame:
        matrix = affine.invert(matrix)
    found: list[list[float]] = matrix.tolist()
    return found


def _failed(rejection: str, reason: str) -> Registered:
    """An alignment that failed before it could be checked."""
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
