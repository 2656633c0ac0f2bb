"""How a study is joined with the others of its patient, as far as the index knows, and what is being done about it."""

from collections.abc import Callable
from typing import Literal

from longitudinal.patients.patient_index import PatientIndex, StudyEntry
from longitudinal.sidecar.tables.jobs import Job, JobState

Standing = Literal["reference", "aligned", "needsAlignment", "failed"]
AlignmentState = Literal["reference", "aligned", "needsAlignment", "failed", "queued", "running"]


def standing_of(index: PatientIndex, study: StudyEntry) -> Standing | None:
    """How transforms join a study with the others; None where it has no images with a place.

    reference: it has the patient's first images, or shares their frame; aligned: transforms join it with others; failed:
    none does, and an alignment was tried and refused; needsAlignment: none does.
    """
    frames = frames_of(index, study)
    if not frames:
        return None
    if index.frames[0] in frames:
        return "reference"
    own = set(frames)
    if any((index.graph.paths_from(frame).keys() & set(index.frames)) - own for frame in frames):
        return "aligned"
    return "failed" if study.attempts else "needsAlignment"


def alignment_state(
    index: PatientIndex, study: StudyEntry, newest_job: Callable[[str], Job | None]
) -> AlignmentState | None:
    """The standing of a study, or the state of the job that is about to change it.

    Parameters
    ----------
    newest_job
        The newest align job of a study (Orthanc id); asked only where a job could help.
    """
    standing = standing_of(index, study)
    if standing in ("failed", "needsAlignment"):
        job = newest_job(study.orthanc_id)
        if job is not None and job.is_active:
            return "running" if job.state == JobState.RUNNING else "queued"
    return standing


def frames_of(index: PatientIndex, study: StudyEntry) -> list[str]:
    """The frames a study has planes in, in the order of its series."""
    return list(
        dict.fromkeys(stack.frame for number in study.series for stack in index.series[number].stacks)
    )
