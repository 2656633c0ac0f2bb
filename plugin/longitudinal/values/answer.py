"""The values at a place, as they leave the server (camelCase of the DICOM keywords)."""

import msgspec

from longitudinal.points.answer import Match, Point, Unresolved
from longitudinal.reasons import SuvReason, ValueReason
from longitudinal.values.quantity import Quantity


class PlaceValues(msgspec.Struct, rename="camel", frozen=True):
    """Statistics of the voxels whose centres are within the radius of the place, whole voxels only.

    If there are none, `reason` is a code and `detail` its description, and the figures are null; `voxels` counts those that
    the images have, `voxels_outside` those that they lack. `quantity` is what the figures are: `HU`, `SUVbw`, `activity`
    (of a PET image without SUV: `suv_reason` tells why), `raw` (an arbitrary scale, as of MR: two scans need not share it)
    or `other`, in `unit`. `sd` is that of the voxels themselves. `least_mean` and `greatest_mean` are means of the sphere
    moved by the place's uncertainty in 26 directions; null where `moved_reason` says why, `notMeasured` among the reasons.
    """

    reason: ValueReason | None
    detail: str
    quantity: Quantity | None = None
    unit: str | None = None
    voxels: int | None = None
    voxels_outside: int | None = None
    mean: float | None = None
    sd: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    least_mean: float | None = None
    greatest_mean: float | None = None
    moved_reason: ValueReason | None = None
    suv_reason: SuvReason | None = None
    suv_detail: str = ""


class MatchValues(Match, rename="camel", frozen=True, kw_only=True):
    """The same place in one study, and the values around it."""

    values: PlaceValues


class TimelineAnswer(msgspec.Struct, rename="camel", frozen=True):
    """Values over time: every study of the patient that passes the filters, in exactly one of the lists, in time order.

    `job` is the job that still measures where the answer could not wait for it; null when everything was measured.
    """

    point: Point
    radius_mm: float
    matches: list[MatchValues]
    unresolved: list[Unresolved]
    flags: tuple[str, ...] = ()
    job: str | None = None


def without(reason: ValueReason, detail: str = "") -> PlaceValues:
    """No values, and why."""
    return PlaceValues(reason, detail or reason.explanation, moved_reason=reason)


def with_values(match: Match, values: PlaceValues) -> MatchValues:
    """A match and its values."""
    fields = {name: getattr(match, name) for name in match.__struct_fields__}
    return MatchValues(**fields, values=values)
