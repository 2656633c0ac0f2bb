"""How well transforms join a study with the others of its patient."""

import math

import msgspec

from longitudinal.patients.patient_index import PatientIndex, StudyEntry
from longitudinal.patients.standing import frames_of, standing_of
from longitudinal.transforms.grade import Grade, grade_of
from longitudinal.transforms.graph import Path


class AlignmentQuality(msgspec.Struct, rename="camel", frozen=True):
    """How well an aligned study is joined with the patient's first images, or with others where no way leads to these.

    `path` are the ids of the transforms in the order they are applied; of a study with several frames, those of the worst.
    `expected_error_mm` is the sum of their expected errors, null if one is not measured; `grade` is on the scale of matches;
    `reviewed`: a person accepted every transform. A match states the error at its own place.
    """

    grade: Grade
    expected_error_mm: float | None
    reviewed: bool
    path: tuple[str, ...]


def alignment_quality(index: PatientIndex, study: StudyEntry) -> AlignmentQuality | None:
    """The quality of an aligned study; None where no transform joins it, or none is needed."""
    if standing_of(index, study) != "aligned":
        return None
    own = frames_of(index, study)
    paths = [path for frame in own if (path := _way_out(index, frame, frozenset(own))) is not None]
    worst = max(paths, key=_badness)
    return AlignmentQuality(
        grade_of(worst.expected_error_mm, is_claimed=worst.is_claimed),
        worst.expected_error_mm,
        all(path.reviewed for path in paths),
        worst.edge_ids,
    )


def _way_out(index: PatientIndex, frame: str, own: frozenset[str]) -> Path | None:
    """The path of resolve to the patient's first frame, otherwise the best one to another study's; None if there is none."""
    paths = index.graph.paths_from(frame)
    others = [paths[other] for other in index.frames if other in paths and other not in own]
    first = paths.get(index.frames[0])
    return first or min(others, key=_badness, default=None)


def _badness(path: Path) -> tuple[float, bool, int]:
    """Sort key, the best first; an error that nobody measured is the worst."""
    error = path.expected_error_mm
    return (math.inf if error is None else error, path.is_claimed, len(path.steps))
