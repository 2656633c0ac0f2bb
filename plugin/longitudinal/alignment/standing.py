"""How a study stands to the others of its patient, as far as the index knows."""

from typing import Literal

from longitudinal.patients.patient_index import PatientIndex, StudyEntry

Standing = Literal["reference", "aligned", "needsAlignment", "failed"]


def standing_of(index: PatientIndex, study: StudyEntry) -> Standing | None:
    """Where a study stands; None where it has no images with a place.

    reference: it has the patient's first images, or shares their frame; aligned: transforms join it with others; failed:
    none does, and one was tried and refused; needsAlignment: none does.
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


def frames_of(index: PatientIndex, study: StudyEntry) -> list[str]:
    """The frames a study has planes in, in the order of its series."""
    return list(
        dict.fromkeys(stack.frame for number in study.series for stack in index.series[number].stacks)
    )
