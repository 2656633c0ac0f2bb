"""What is read from a structured report: its measurement groups with coordinates, one place each."""

from typing import Literal

import msgspec

from longitudinal.dicom.reports.statement import Line, Mapping
from longitudinal.reasons import PlaceFault

GroupKind = Literal["point", "diameters"]


class ReportedGroup(msgspec.Struct, frozen=True):
    """One measurement group.

    Attributes
    ----------
    number
        1-based over the groups of the report that have coordinates.
    tracking_uid
        None if it states none, or no UID.
    lines
        Points of `frame_of_reference_uid`, or else pixels of the image `image_uid` (see `Line`).
    frame_number
        1-based.
    mapping
        Of a group that the plugin mapped.
    refusal, detail
        Why it is no place; then there are no `lines`.
    """

    number: int
    tracking_uid: str | None
    name: str
    label: str
    kind: GroupKind
    lines: tuple[Line, ...] = ()
    frame_of_reference_uid: str | None = None
    image_uid: str | None = None
    frame_number: int = 1
    mapping: Mapping | None = None
    refusal: PlaceFault | None = None
    detail: str = ""


class Report(msgspec.Struct, frozen=True):
    """A structured report, as far as it says where something is.

    Attributes
    ----------
    evidence_uid
        The first image that it names as evidence.
    observer
        Who says so: a person, a device, or the manufacturer.
    written_at
        ISO 8601, with the offset if the report has one; None if it is unknown.
    is_own
        Whether the plugin wrote it.
    """

    groups: tuple[ReportedGroup, ...]
    observer: str
    written_at: str | None
    manufacturer: str
    is_own: bool
    evidence_uid: str | None = None
    instance_number: int = 1
