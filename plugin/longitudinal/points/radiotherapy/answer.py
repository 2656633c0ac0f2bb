"""What /points/radiotherapy answers."""

from typing import Literal

import msgspec

from longitudinal.points.answer import Grade, Point
from longitudinal.reasons import DoseReason, DoseSumReason, StructureReason
from longitudinal.transforms.graph import UncertaintySource

Membership = Literal["inside", "border", "outside", "notMeasured"]
StudyReason = Literal["notIndexed", "noObjects"]


class Place(msgspec.Struct, rename="camel", frozen=True):
    """The point in the frame of an object, LPS mm, and how well that is known; `path` null where no path leads there."""

    frame_of_reference_uid: str | None
    x: float | None
    y: float | None
    z: float | None
    path: tuple[str, ...] | None
    method: str | None
    uncertainty_mm: float | None
    uncertainty_source: UncertaintySource
    grade: Grade
    reviewed: bool


class RoiAtPoint(Place, rename="camel", frozen=True, kw_only=True):
    """One region at the point.

    `inside` is null where it cannot be told; `distanceMm` from the surface, negative inside. `membership` is `border` where
    the distance is within the uncertainty of the point, `notMeasured` where either is not known. For a segment `roiNumber`
    is its Segment Number.
    """

    kind: Literal["contours", "segment"]
    sop_instance_uid: str
    series_instance_uid: str
    label: str
    roi_number: int
    name: str
    interpreted_type: str
    colour: tuple[int, int, int] | None
    inside: bool | None
    distance_mm: float | None
    membership: Membership
    flags: tuple[str, ...]
    reason: StructureReason | None = None
    detail: str = ""


class DoseAtPoint(Place, rename="camel", frozen=True, kw_only=True):
    """One dose at the point.

    `minGy` and `maxGy` are the least and the largest dose within the uncertainty of the point, null where that is not
    measured: where the dose falls steeply, `gy` alone would mislead.
    """

    sop_instance_uid: str
    series_instance_uid: str
    gy: float | None
    min_gy: float | None
    max_gy: float | None
    units: str
    dose_type: str
    summation_type: str
    plan_sop_instance_uid: str | None
    beam_numbers: tuple[int, ...]
    flags: tuple[str, ...]
    reason: DoseReason | None = None
    detail: str = ""


class StudyAtPoint(msgspec.Struct, rename="camel", frozen=True):
    """The structures and doses of one study; `reason` says why it has none."""

    study_instance_uid: str
    study_date: str
    structures: list[RoiAtPoint]
    doses: list[DoseAtPoint]
    reason: StudyReason | None = None


class DoseSum(msgspec.Struct, rename="camel", frozen=True):
    """Doses added; each is named. What each plan was planned to give, not what was given."""

    gy: float | None
    min_gy: float | None
    max_gy: float | None
    dose_sop_instance_uids: list[str]
    reason: DoseSumReason | None = None
    detail: str = ""


class RadiotherapyAtPoint(msgspec.Struct, frozen=True):
    """The point, and what every study of the patient has at it, in time order; `sum` only if it was asked for."""

    point: Point
    studies: list[StudyAtPoint]
    sum: DoseSum | None = None
