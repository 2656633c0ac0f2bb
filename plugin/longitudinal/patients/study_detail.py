"""A study as the index has it: series, stacks, frames, and the instances that have no place in the patient."""

from collections import Counter
from collections.abc import Mapping

import msgspec

from longitudinal.patients.alignment_quality import AlignmentQuality, alignment_quality
from longitudinal.patients.patient_index import PatientIndex, StudyEntry
from longitudinal.patients.series_planes import SeriesPlanes
from longitudinal.patients.standing import AlignmentState, frames_of
from longitudinal.reasons import NotIndexableReason, RegistrationRefusal
from longitudinal.transforms.attempts import Attempt

# Of a thousand slices each with another value a few are enough.
_MOST_DETAILS = 20
_EXPLANATIONS = {
    str(code): code.explanation for family in (NotIndexableReason, RegistrationRefusal) for code in family
}


class SkippedInstances(msgspec.Struct, frozen=True):
    """How many instances have no place in the patient, by reason code; `explanation` is one sentence for people.

    `details` name the attribute and value at fault, the most frequent first, 20 different ones at most.
    """

    reason: str
    count: int
    explanation: str
    details: list[str]


class StudyLinks(msgspec.Struct, frozen=True):
    """Where to look at it, as absolute paths on this server; `ohif` is null where OHIF is not served."""

    ohif: str | None


class SeriesDetail(msgspec.Struct, rename="camel", frozen=True):
    """A series: its stacks of planes, and the frames of reference they lie in (aliases: a UID per slice)."""

    series_instance_uid: str
    orthanc_series_id: str
    series_number: int | None
    series_description: str
    modality: str
    instances: int
    planes: int
    stacks: int
    roles: list[str]
    frame_of_reference_uids: list[str]
    aliases: list[str]
    skipped: list[SkippedInstances]


class StudyDetail(msgspec.Struct, rename="camel", frozen=True):
    """A study as the index has it, and how it is joined with the patient's others (`alignment`).

    reference: it has the patient's first images, or shares their frame; aligned: transforms join it with others; queued,
    running: that is being worked on; failed: it was tried and refused, `failedAlignments` says why, the newest first;
    needsAlignment: none of these; null: the study has no images with a place. `alignmentQuality` says how well an aligned
    study is joined; it is null for all others.
    """

    study_instance_uid: str
    orthanc_study_id: str
    patient_id: str
    study_date: str
    acquisition_date_time: str | None
    study_description: str
    modalities: list[str]
    indexed: bool
    alignment: AlignmentState | None
    alignment_quality: AlignmentQuality | None
    failed_alignments: list[Attempt]
    frame_of_reference_uids: list[str]
    series: list[SeriesDetail]
    links: StudyLinks


def describe_study(
    index: PatientIndex,
    study: StudyEntry,
    alignment: AlignmentState | None,
    links: StudyLinks,
    most_attempts: int | None = None,
) -> StudyDetail:
    """A study with its series, and the newest of its failed alignments."""
    series = [index.series[number] for number in study.series]
    return StudyDetail(
        study_instance_uid=study.study_instance_uid,
        orthanc_study_id=study.orthanc_id,
        patient_id=index.patient_id,
        study_date=study.study_date,
        acquisition_date_time=study.acquisition_date_time,
        study_description=study.study_description,
        modalities=sorted({entry.modality for entry in series}),
        indexed=bool(series),
        alignment=alignment,
        alignment_quality=alignment_quality(index, study),
        failed_alignments=list(study.attempts[:most_attempts]),
        frame_of_reference_uids=frames_of(index, study),
        series=[_describe_series(entry) for entry in series],
        links=links,
    )


def skipped_instances(reasons: Mapping[tuple[str, str], int]) -> list[SkippedInstances]:
    """Counts by reason code and detail, the most frequent code first."""
    counts: Counter[str] = Counter()
    details: dict[str, list[str]] = {}
    for (reason, detail), count in Counter(reasons).most_common():
        counts[reason] += count
        details.setdefault(reason, []).extend([detail] if detail else [])
    return [
        SkippedInstances(reason, count, _EXPLANATIONS.get(reason, ""), details[reason][:_MOST_DETAILS])
        for reason, count in counts.most_common()
    ]


def _describe_series(series: SeriesPlanes) -> SeriesDetail:
    frames = dict.fromkeys(stack.frame for stack in series.stacks)
    return SeriesDetail(
        series_instance_uid=series.series_instance_uid,
        orthanc_series_id=series.orthanc_id,
        series_number=series.series_number,
        series_description=series.series_description,
        modality=series.modality,
        instances=len(series.orthanc_ids),
        planes=len(series.planes),
        stacks=len(series.stacks),
        roles=sorted({stack.role for stack in series.stacks}),
        frame_of_reference_uids=list(frames),
        aliases=list(series.aliases),
        skipped=skipped_instances(series.reasons),
    )
