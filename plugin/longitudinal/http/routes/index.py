"""/index and the index of one study: ask for it, watch it, hold the backfill."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from longitudinal.access.roles import Need
from longitudinal.errors import (
    Ambiguous,
    Conflict,
    NotFound,
    SidecarUnavailable,
    TooManyJobs,
    Unprocessable,
)
from longitudinal.http.fields import Identifier, Method, StudyIdentifiers
from longitudinal.http.router import Call, Route
from longitudinal.http.routes.jobs import JobReference, QueuedAnswer
from longitudinal.jobs.align_requests import AlignRequests
from longitudinal.jobs.index_status import IndexProgress, IndexStatus
from longitudinal.jobs.kinds.align import AlignParameters
from longitudinal.jobs.kinds.index import request_index
from longitudinal.jobs.queue import JobQueue
from longitudinal.patients.study_lookup import StudyLookup
from longitudinal.sidecar.tables.studies import FoundStudy


class IndexRequest(msgspec.Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """Which studies to index: some, by StudyInstanceUID or Orthanc id, or all of a patient.

    `align` says whether they are to be registered afterwards.
    """

    study_instance_uids: StudyIdentifiers | None = None
    patient_id: Identifier | None = None
    align: Literal["none", Method] = "none"


class Backfill(msgspec.Struct, rename="camel", frozen=True):
    """Whether the jobs of the backfill are held, and how many jobs there are."""

    paused: bool
    queued: int
    running: int


def index_routes(
    lookup: StudyLookup, queue: JobQueue, requests: AlignRequests, progress: IndexProgress
) -> list[Route]:
    """The routes that index studies and say how far they are, and those that hold the backfill."""

    def enqueue(studies: Sequence[FoundStudy], user: str) -> list[JobReference]:
        jobs = [request_index(study.orthanc_id, study.study_date, owner=user) for study in studies]
        return [JobReference(job) for job in queue.enqueue(jobs)]

    def index(call: Call[None, IndexRequest]) -> QueuedAnswer:
        asked, user = call.body, call.actor.name
        studies = lookup.chosen(asked.study_instance_uids, asked.patient_id)
        jobs = enqueue(studies, user)
        if asked.align == "none":
            return QueuedAnswer(jobs)
        if asked.patient_id is not None:
            requests.check_identity(studies)
        aligned = requests.enqueue(studies, AlignParameters(asked.align, is_asked=True, by=user))
        return QueuedAnswer([*jobs, *(JobReference(job) for job in aligned)])

    def index_one(call: Call[None, None], study: str) -> QueuedAnswer:
        return QueuedAnswer(enqueue([lookup.find(study)], call.actor.name))

    def status(_: Call[None, None], study: str) -> IndexStatus:
        return progress.of(lookup.find(study))

    find = (NotFound, Ambiguous)
    return [
        Route(
            "POST", "/index", index, "Index studies of the archive now, before the backfill does",
            answer=QueuedAnswer, body=IndexRequest, status=202,
            errors=(*find, Conflict, Unprocessable, TooManyJobs, SidecarUnavailable),
        ),
        *_backfill_routes(queue),
        Route(
            "POST", "/studies/{study}/index", index_one, "Index a study now", answer=QueuedAnswer, status=202,
            errors=(*find, TooManyJobs, SidecarUnavailable),
        ),
        Route(
            "GET", "/studies/{study}/index-status", status, "How far the index of a study is",
            answer=IndexStatus, errors=find,
        ),
    ]  # fmt: skip


def _backfill_routes(queue: JobQueue) -> list[Route]:
    def hold(paused: bool) -> Backfill:
        queue.pause(paused)
        counts = queue.counts()
        return Backfill(queue.is_paused, counts["queued"], counts["running"])

    def pause(_: Call[None, None]) -> Backfill:
        return hold(True)

    def resume(_: Call[None, None]) -> Backfill:
        return hold(False)

    errors, need = (SidecarUnavailable,), Need.ADMINISTER
    return [
        Route("POST", "/index/pause", pause, "Hold the backfill", answer=Backfill, errors=errors, need=need),
        Route(
            "POST",
            "/index/resume",
            resume,
            "Let the backfill go on",
            answer=Backfill,
            errors=errors,
            need=need,
        ),
    ]
