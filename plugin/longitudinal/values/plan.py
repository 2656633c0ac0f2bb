"""Which frames the values at a place are read from, and what their numbers are: from the index and the headers."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

import msgspec
import numpy as np

from longitudinal.dicom.stored_values import StoredValues, read_stored_values
from longitudinal.dicom.tags import Tags
from longitudinal.geometry.sphere import SpherePlanes, planes_of_sphere
from longitudinal.patients.patient_index import PatientIndex
from longitudinal.patients.series_planes import SeriesPlanes
from longitudinal.points.answer import Match
from longitudinal.reasons import ValueReason
from longitudinal.values.quantity import FrameQuantity, quantity_of
from longitudinal.values.sphere import Sphere

HeaderReader = Callable[[str, Sequence[str]], Iterator[Tags | None]]
"""Reads the headers of instances of a series (Orthanc ids), in order; None where one is gone."""


class NoValues(Exception):
    """Nothing can be measured; `reason` is a code of docs/reason-codes.md."""

    def __init__(self, reason: ValueReason, detail: str = "") -> None:
        super().__init__(detail or reason.explanation)
        self.reason = reason


class PlannedFrame(msgspec.Struct, frozen=True):
    """A frame to read: where it is, what is its own of each stored value, and what its numbers are.

    `padding` are stored values that are no image, from the one to the other.
    """

    instance: str
    frame_number: int
    padding: tuple[int, int] | None
    quantity: FrameQuantity


class Plan(msgspec.Struct, frozen=True):
    """A sphere in one stack; `frames` has one element for each plane that there is, None for one that there is not."""

    sphere: Sphere
    planes: SpherePlanes
    frames: tuple[PlannedFrame | None, ...]

    @property
    def quantity(self) -> FrameQuantity:
        """What all frames show; they are of one scale."""
        return next(frame.quantity for frame in self.frames if frame is not None)


def plan_of(index: PatientIndex, match: Match, radius_mm: float, headers: HeaderReader) -> Plan:
    """Plan the measurement at a match.

    Raises
    ------
    NoValues
        ``imageGone``, ``noNumbers`` or ``differentUnits``.
    """
    series, stack = _stack_of(index, match)
    sphere = Sphere(np.array([match.x, match.y, match.z]), radius_mm, match.uncertainty_mm)
    start, end = (int(value) for value in index.stack_set.start[stack : stack + 2])
    found = planes_of_sphere(index.stack_set.planes[start:end], sphere.centre, sphere.reach_mm)
    instances = [
        None if source < 0 else int(index.plane_instance[start + source]) for source in found.source.tolist()
    ]
    known = _headers_of(series, sorted({number for number in instances if number is not None}), headers)
    earliest = _earliest(series)
    frames = tuple(
        None
        if number is None
        else _frame(series, number, int(plane["frame_number"]), known[number], earliest)
        for number, plane in zip(instances, found.planes, strict=True)
    )
    if len({frame.quantity.scale for frame in frames if frame is not None}) > 1:
        raise NoValues(ValueReason.DIFFERENT_UNITS)
    if not any(frame is not None for frame in frames):
        raise NoValues(ValueReason.PARTLY_OUTSIDE)
    return Plan(sphere, found, frames)


_Known = tuple[Tags, StoredValues]


def _headers_of(series: SeriesPlanes, numbers: Sequence[int], headers: HeaderReader) -> dict[int, _Known]:
    names = [series.orthanc_ids[number] for number in numbers]
    known: dict[int, _Known] = {}
    for number, tags in zip(numbers, headers(series.orthanc_id, names), strict=True):
        if tags is None:
            raise NoValues(ValueReason.IMAGE_GONE)
        known[number] = tags, read_stored_values(tags)
    return known


def _frame(
    series: SeriesPlanes, number: int, frame_number: int, known: _Known, earliest: datetime | None
) -> PlannedFrame:
    tags, stored = known
    values = stored.frame(frame_number)
    quantity = quantity_of(tags, series.modality, values, earliest) if stored.has_pixels else None
    if quantity is None:
        detail = values.not_linear or "the pixels are no whole numbers"
        raise NoValues(ValueReason.NO_NUMBERS, detail)
    first, last = stored.pixel_padding_value, stored.pixel_padding_range_limit
    ends = [value for value in (first, last) if first is not None and value is not None]
    padding = (min(ends), max(ends)) if ends else None
    return PlannedFrame(
        series.orthanc_ids[number],
        frame_number,
        padding,
        quantity,
    )


def _earliest(series: SeriesPlanes) -> datetime | None:
    """When the series was begun to be acquired, by the clock of its place."""
    times = [
        datetime.fromisoformat(time)
        for time, source in zip(series.instance_times, series.time_sources, strict=True)
        if source == "acquisition" and time and "T" in time
    ]
    return min((time.replace(tzinfo=None) for time in times), default=None)


def _stack_of(index: PatientIndex, match: Match) -> tuple[SeriesPlanes, int]:
    for series_number, instance in index.instances[match.sop_instance_uid]:
        series = index.series[series_number]
        if series.orthanc_ids[instance] == match.orthanc_instance_id:
            found = index.plane_of_frame(series_number, instance, match.frame_number)
            assert found is not None  # the match is one of this index
            return series, index.stack_of_plane(found[1])
    raise AssertionError("the match is of another index")
