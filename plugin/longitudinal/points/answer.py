"""The answer to the one question, as it leaves the server (camelCase of the DICOM keywords)."""

from typing import Literal

import msgspec

from longitudinal.reasons import UnresolvedReason
from longitudinal.transforms.grade import AMBER_MM as AMBER_MM
from longitudinal.transforms.grade import GREEN_MM as GREEN_MM
from longitudinal.transforms.grade import Grade as Grade
from longitudinal.transforms.grade import grade_of as grade_of
from longitudinal.transforms.graph import UncertaintySource

ChosenBy = Literal["clicked", "only", "modality", "plane", "original", "voxel", "distance", "order"]
UNSIGNED = "unsigned"
"""Flag of a match: something is said of a transform of its path that no node has signed, and that counts for nothing."""


class Point(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """A point of a patient: LPS, mm, in one Frame of Reference."""

    patient_id: str
    frame_of_reference_uid: str
    x: float
    y: float
    z: float


class Links(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """Where to view the match; absolute paths on this server, null for what it does not serve."""

    preview: str
    frame: str
    ohif: str | None


class Match(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """The same place in one study. `row`, `column` and `slice_index` are 0-based, `frame_number` is 1-based.

    `x, y, z` is the point in the match's frame (LPS mm), `row, column` its orthogonal projection on the plane, `distance_mm`
    signed along the plane's normal. `uncertainty_mm` is the bound that 95 % of errors at places like this one stay below,
    null if nothing was measured there. `flags`: `oneFramePerSlice`, each slice came with a FrameOfReferenceUID of its own;
    `contrastUnknown`, of a refined match; `unsigned`, the archive says something of a transform of the path that no node of
    it has signed, and that counts for nothing.
    """

    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    orthanc_instance_id: str
    is_source: bool
    frame_number: int
    slice_index: int
    row: float
    column: float
    frame_of_reference_uid: str
    x: float
    y: float
    z: float
    distance_mm: float
    in_gap: bool
    chosen_by: ChosenBy
    other_series: int
    study_date: str
    acquisition_date_time: str | None
    modality: str
    series_description: str
    path: tuple[str, ...]
    alternatives: tuple[str, ...]
    method: str
    uncertainty_mm: float | None
    uncertainty_source: UncertaintySource
    grade: Grade
    reviewed: bool
    flags: tuple[str, ...]
    links: Links


class Unresolved(msgspec.Struct, rename="camel", frozen=True, omit_defaults=True, gc=False):
    """A study (with `per: series`, a series) without a match, and why."""

    study_instance_uid: str
    reason: UnresolvedReason
    detail: str
    study_date: str = ""
    series_instance_uid: str | None = None


class RefinedMatch(msgspec.Struct, rename="camel", frozen=True):
    """The result of refining one match: `match` is the one to use, the refined one only if `is_refined`.

    If not, `reason` is a code and `detail` its description; `match` is null if the answer has changed since it was
    given. `disagreement_mm` is how far the local estimates differ, null if there were none; `grade` is that of the
    match; `moved_mm` is their distance from the unrefined position, 0 if that is kept. `frames_read` counts the frames
    that had to be read.
    """

    study_instance_uid: str
    series_instance_uid: str
    is_refined: bool
    reason: str | None
    detail: str
    grade: Grade | None = None
    disagreement_mm: float | None = None
    moved_mm: float | None = None
    match: Match | None = None
    frames_read: int = 0
    seconds: float = 0.0


class Refinement(msgspec.Struct, rename="camel", frozen=True):
    """Where to get the refined matches: the id of a job, null if there is nothing to refine.

    `results` has the results so far: at first the matches that are not refined at all.
    """

    job: str | None
    results: list[RefinedMatch]


class Answer(msgspec.Struct, rename="camel", frozen=True):
    """Every study of the patient that passes the filters, in exactly one of the two lists, in time order.

    `refinement` is present if it was requested.
    """

    point: Point
    matches: list[Match]
    unresolved: list[Unresolved]
    flags: tuple[str, ...] = ()
    refinement: Refinement | msgspec.UnsetType = msgspec.UNSET
