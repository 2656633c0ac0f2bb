"""How far the index of a study is."""

from typing import Literal

import msgspec

from longitudinal.geometry.image_plane import PLANE
from longitudinal.ingest.inventory import Inventory
from longitudinal.jobs.kinds.align import newest_alignment
from longitudinal.jobs.kinds.index import KIND
from longitudinal.jobs.queue import JobQueue
from longitudinal.patients.catalogue import Catalogue
from longitudinal.patients.standing import AlignmentState, alignment_state
from longitudinal.patients.study_detail import SkippedInstances, skipped_instances
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.tables.jobs import JobState
from longitudinal.sidecar.tables.studies import FoundStudy, content_of_study

State = Literal["notIndexed", "queued", "running", "done", "failed"]
_OF_JOBS: dict[JobState, State] = {
    JobState.QUEUED: "queued", JobState.RUNNING: "running", JobState.FAILED: "failed"
}  # fmt: skip


class IndexStatus(msgspec.Struct, rename="camel", frozen=True):
    """How far the index of a study is.

    `slices` counts the planes it holds: each frame of a multi-frame image is one. `alignment` is that of the study itself.
    `job` is the index job; `error` says why its last start failed.
    """

    state: State
    progress: float
    stage: str
    slices: int
    skipped: list[SkippedInstances]
    alignment: AlignmentState | None
    job: str | None
    error: str | None


class IndexProgress:
    """Compares what the archive has of a study with what the index has."""

    def __init__(self, readers: Readers, catalogue: Catalogue, inventory: Inventory, queue: JobQueue) -> None:
        self._readers = readers
        self._catalogue = catalogue
        self._inventory = inventory
        self._queue = queue

    def of(self, study: FoundStudy) -> IndexStatus:
        """The status of a study: that of its index job where one is queued, runs or failed, else what is there."""
        planes_bytes, reasons, instances = content_of_study(self._readers.connection(), study.orthanc_id)
        job = self._queue.latest(KIND, study.orthanc_id)
        if job is not None and job.state in _OF_JOBS:
            state, progress, stage, error = _OF_JOBS[job.state], job.progress, job.stage, job.error
        else:
            state, progress, stage, error = self._state(study, instances)
        return IndexStatus(
            state=state,
            progress=progress,
            stage=stage,
            slices=planes_bytes // PLANE.itemsize,
            skipped=skipped_instances(reasons),
            alignment=self._alignment(study),
            job=None if job is None else job.id,
            error=error,
        )

    def _state(self, study: FoundStudy, instances: int) -> tuple[State, float, str, str | None]:
        """State, progress, stage and error of a study that no job says anything of."""
        stored = self._stored(study.orthanc_id)
        if instances >= stored:
            return "done", 1.0, "done", None
        return "notIndexed", instances / stored, "not indexed", None

    def _stored(self, study: str) -> int:
        """Instances in the archive."""
        try:
            return sum(
                len(self._inventory.instances(series)) for series in self._inventory.study(study).series
            )
        except KeyError:
            return 0

    def _alignment(self, study: FoundStudy) -> AlignmentState | None:
        index = self._catalogue.patient(study.patient_key)
        for entry in () if index is None else index.studies:
            if index is not None and entry.orthanc_id == study.orthanc_id:
                return alignment_state(index, entry, newest_alignment(self._queue))
        return None
