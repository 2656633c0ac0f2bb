"""What becomes of a request to align studies: which jobs are queued, and what is refused."""

from collections import Counter
from collections.abc import Sequence

import msgspec

from longitudinal.errors import Conflict, FieldError, TransformRefused, Unprocessable
from longitudinal.jobs.kinds.align import KIND, AlignParameters, request_alignment
from longitudinal.jobs.kinds.align_pair import Initial
from longitudinal.jobs.queue import JobQueue
from longitudinal.patients.catalogue import Catalogue
from longitudinal.patients.patient_index import PatientIndex
from longitudinal.reasons import GivenTransformRefusal
from longitudinal.registration_objects.written import first_series
from longitudinal.sidecar.tables.jobs import JobState
from longitudinal.sidecar.tables.studies import FoundStudy


class FramePair(msgspec.Struct, frozen=True):
    """Two frames of a patient that somebody says where to begin between."""

    index: PatientIndex
    source: str
    target: str


class AlignRequests:
    """Queues alignments of studies that somebody asked for."""

    def __init__(self, catalogue: Catalogue, queue: JobQueue) -> None:
        self._catalogue = catalogue
        self._queue = queue

    def enqueue(self, studies: Sequence[FoundStudy], parameters: AlignParameters) -> list[str]:
        """A job for each study; of several the oldest waits for the others to come to it.

        Raises
        ------
        Unprocessable
            The studies are of several patients.
        Conflict
            A study is being aligned at this moment, in another way.
        """
        if len({study.patient_key for study in studies}) > 1:
            detail = "the studies are of different patients; scans of two people are never aligned"
            raise Unprocessable(detail, [FieldError("/studyInstanceUids", detail)])
        ordered = sorted(studies, key=lambda study: (not study.study_date, study.study_date))
        partners = None if len(ordered) == 1 else [study.orthanc_id for study in ordered]
        named = msgspec.structs.replace(parameters, partners=partners)
        requests = [request_alignment(study.orthanc_id, named) for study in _without_oldest(ordered)]
        for request in requests:
            job = self._queue.latest(KIND, request.subject)
            if job is not None and job.state == JobState.RUNNING and job.parameters != request.parameters:
                raise Conflict(
                    f"job {job.id} is aligning study {job.subject} in another way; wait, or cancel it"
                )
        return self._queue.enqueue(requests)

    def pair(self, studies: Sequence[FoundStudy], source: str, target: str) -> FramePair:
        """The two frames of a start, by any of their UIDs.

        Raises
        ------
        TransformRefused
            unknownFrame or sameFrame.
        """
        index = self._catalogue.patient(studies[0].patient_key)
        frames = [frame if index is None else index.canonical_frame(frame) for frame in (source, target)]
        if index is None or any(frame not in index.frames for frame in frames):
            fields = [
                FieldError(f"/initial/{name}FrameOfReferenceUid", "has no images of this patient here")
                for name, frame in zip(("source", "target"), frames, strict=True)
                if index is None or frame not in index.frames
            ]
            raise TransformRefused(
                GivenTransformRefusal.UNKNOWN_FRAME,
                "no images of the patient are indexed in the frame",
                fields,
            )
        if frames[0] == frames[1]:
            field = FieldError("/initial/targetFrameOfReferenceUid", "is the source's frame")
            raise TransformRefused(
                GivenTransformRefusal.SAME_FRAME, "both are one Frame of Reference", [field]
            )
        return FramePair(index, *frames)

    def enqueue_pair(
        self, pair: FramePair, matrix: list[list[float]], parameters: AlignParameters
    ) -> list[str]:
        """One job, which begins at a matrix (4, 4), target from source, LPS mm."""
        index, frames = pair.index, (pair.source, pair.target)
        later = index.study_of_series[max(first_series(index, frame) for frame in frames)]
        subject = index.studies[later].orthanc_id
        initial = Initial(pair.source, pair.target, matrix)
        named = msgspec.structs.replace(parameters, partners=_studies_with(index, frames), initial=initial)
        return self._queue.enqueue([request_alignment(subject, named)])

    def check_identity(self, studies: Sequence[FoundStudy]) -> None:
        """Refuse all studies of a patient who may be two people; who names them one by one says that it is one person.

        Raises
        ------
        Unprocessable
        """
        index = self._catalogue.patient(studies[0].patient_key) if studies else None
        if index is not None and index.identity_conflict:
            detail = "identityConflict: birth date, sex or issuer differ under this PatientID; name studies of one person"
            raise Unprocessable(detail, [FieldError("/patientId", detail)])


def _studies_with(index: PatientIndex, frames: Sequence[str]) -> list[str]:
    return [
        study.orthanc_id
        for study in index.studies
        if any(stack.frame in frames for number in study.series for stack in index.series[number].stacks)
    ]


def _without_oldest(studies: Sequence[FoundStudy]) -> Sequence[FoundStudy]:
    """All but the oldest, which the others are aligned with; all of them where it is not known which is the oldest."""
    dates = Counter(study.study_date for study in studies)
    is_known = (
        len(studies) > 1 and studies[0].study_date and dates[studies[0].study_date] == 1 and not dates[""]
    )
    return studies[1:] if is_known else studies
