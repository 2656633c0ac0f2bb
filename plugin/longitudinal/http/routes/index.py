"""/index and the index of one study: ask for it, watch it, hold the backfill."""

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec

from longitudinal.errors import (
    Ambiguous,
    Conflict,
    NotFound,
    SidecarUnavailable,
    TooManyJobs,
    Unprocessable,
)
from longitudinal.geometry.image_plane import PLANE
from longitudinal.http.exchange import Request
from longitudinal.http.parse import check_size, parse_json
from longitudinal.http.router import Route
from longitudinal.http.routes.alignments import Alignments
from longitudinal.http.routes.chosen_studies import chosen_studies, chosen_study
from longitudinal.http.routes.jobs import JobReference, QueuedAnswer
from longitudinal.http.routes.studies import AlignmentState, SkippedInstances, alignment_of, skipped_instances
from longitudinal.ingest.inventory import Inventory
from longitudinal.jobs.align_study import AlignParameters
from longitudinal.jobs.index_study import KIND, request_index
from longitudinal.jobs.queue import JobQueue
from longitudinal.patients.catalogue import Catalogue
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.jobs import JobState
from longitudinal.sidecar.studies import FoundStudy, content_of_study

Identifier = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class IndexRequest(msgspec.Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """Which studies to index: some, by StudyInstanceUID or Orthanc id, or all of a patient.

    `align` says whether they are to be registered afterwards.
    """

    study_instance_uids: Annotated[list[Identifier], msgspec.Meta(min_length=1, max_length=1_000)] | None = (
        None
    )
    patient_id: Identifier | None = None
    align: Literal["none", "rigid", "affine", "deformable"] = "none"


class IndexStatus(msgspec.Struct, rename="camel", frozen=True):
    """How far the index of a study is.

    `slices` counts the planes it holds: each frame of a multi-frame image is one. `alignment` is that of the study itself.
    `job` is the index job; `error` says why its last start failed.
    """

    state: Literal["notIndexed", "queued", "running", "done", "failed"]
    progress: float
    stage: str
    slices: int
    skipped: list[SkippedInstances]
    alignment: AlignmentState | None
    job: str | None
    error: str | None


class Backfill(msgspec.Struct, rename="camel", frozen=True):
    """Whether jobs nobody asked for are held, and how many jobs there are."""

    paused: bool
    queued: int
    running: int


class IndexRoutes:
    """The handlers, and what they need."""

    def __init__(
        self,
        readers: Readers,
        catalogue: Catalogue,
        inventory: Inventory,
        queue: JobQueue,
        alignments: Alignments,
        max_body_mib: int,
    ) -> None:
        self._readers = readers
        self._catalogue = catalogue
        self._inventory = inventory
        self._queue = queue
        self._alignments = alignments
        self._max_body_mib = max_body_mib

    def routes(self) -> list[Route]:
        """The routes."""
        find = (NotFound, Ambiguous)
        write = (SidecarUnavailable,)
        return [
            Route(
                "POST", "/index", self.index, "Index studies of the archive now, before the backfill does",
                answer=QueuedAnswer, body=IndexRequest, status=202,
                errors=(*find, Conflict, Unprocessable, TooManyJobs, *write),
            ),
            Route("POST", "/index/pause", self.pause, "Hold the backfill", answer=Backfill, errors=write),
            Route("POST", "/index/resume", self.resume, "Let the backfill go on", answer=Backfill, errors=write),
            Route(
                "POST", "/studies/{study}/index", self.index_one, "Index a study now", answer=QueuedAnswer, status=202,
                errors=(*find, TooManyJobs, *write),
            ),
            Route(
                "GET", "/studies/{study}/index-status", self.status, "How far the index of a study is",
                answer=IndexStatus, errors=find,
            ),
        ]  # fmt: skip

    def index(self, request: Request) -> QueuedAnswer:
        """POST /index."""
        check_size(request.body, self._max_body_mib)
        asked = parse_json(request.body, IndexRequest)
        studies = chosen_studies(self._readers, asked.study_instance_uids, asked.patient_id)
        jobs = self._enqueue(studies, request.actor.name)
        if asked.align == "none":
            return QueuedAnswer(jobs)
        if asked.patient_id is not None:
            self._alignments.check_identity(studies)
        parameters = AlignParameters(asked.align, is_asked=True, by=request.actor.name)
        aligned = self._alignments.enqueue(studies, parameters)
        return QueuedAnswer([*jobs, *(JobReference(job) for job in aligned)])

    def index_one(self, request: Request, study: str) -> QueuedAnswer:
        """POST /studies/{study}/index."""
        return QueuedAnswer(self._enqueue([chosen_study(self._readers, study)], request.actor.name))

    def pause(self, _: Request) -> Backfill:
        """POST /index/pause."""
        self._queue.pause(True)
        return self._backfill()

    def resume(self, _: Request) -> Backfill:
        """POST /index/resume."""
        self._queue.pause(False)
        return self._backfill()

    def status(self, _: Request, study: str) -> IndexStatus:
        """GET /studies/{study}/index-status."""
        found = chosen_study(self._readers, study)
        planes_bytes, reasons, instances = content_of_study(self._readers.connection(), found.orthanc_id)
        slices = planes_bytes // PLANE.itemsize
        skipped = skipped_instances(reasons)
        alignment = self._alignment(found)
        job = self._queue.latest(KIND, found.orthanc_id)
        if job is not None and (job.is_active or job.state == JobState.FAILED):
            state: Literal["queued", "running", "failed"] = (
                "failed"
                if job.state == JobState.FAILED
                else "running"
                if job.state == JobState.RUNNING
                else "queued"
            )
            return IndexStatus(state, job.progress, job.stage, slices, skipped, alignment, job.id, job.error)
        stored = self._stored(found.orthanc_id)
        job_id = None if job is None else job.id
        if instances >= stored:
            return IndexStatus("done", 1.0, "done", slices, skipped, alignment, job_id, None)
        progress = instances / stored
        return IndexStatus("notIndexed", progress, "not indexed", slices, skipped, alignment, job_id, None)

    def _alignment(self, found: FoundStudy) -> AlignmentState | None:
        index = self._catalogue.patient(found.patient_key)
        for entry in () if index is None else index.studies:
            if index is not None and entry.orthanc_id == found.orthanc_id:
                return alignment_of(index, entry, self._queue)
        return None

    def _backfill(self) -> Backfill:
        counts = self._queue.counts()
        return Backfill(self._queue.is_paused, counts["queued"], counts["running"])

    def _enqueue(self, studies: Sequence[FoundStudy], user: str) -> list[JobReference]:
        requests = [request_index(study.orthanc_id, study.study_date, owner=user) for study in studies]
        return [JobReference(job) for job in self._queue.enqueue(requests)]

    def _stored(self, study: str) -> int:
        try:
            return sum(
                len(self._inventory.instances(series)) for series in self._inventory.study(study).series
            )
        except KeyError:
            return 0
