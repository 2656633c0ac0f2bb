"""Places as they leave the server (camelCase of the DICOM keywords)."""

from typing import Literal

import msgspec

from longitudinal.points.answer import Answer
from longitudinal.reasons import PlaceFault, StaleReport

SaidBy = Literal["person", "plugin", "other"]
PlaceKind = Literal["point", "diameters"]
SHARED_TRACKING_UID = "sharedTrackingUid"
"""Flag of a place: reports of another patient have its tracking UID too; each patient has a place of their own."""


class ImagePoint(msgspec.Struct, rename="camel", frozen=True):
    """A pixel: `frame_number` is 1-based, `row` and `column` are 0-based, the centre of the first pixel is (0, 0)."""

    sop_instance_uid: str
    frame_number: int
    row: float
    column: float


class Diameter(msgspec.Struct, rename="camel", frozen=True):
    """A line between two points, LPS mm, in the Frame of Reference of its report.

    `length_mm` follows from the points; `stated_mm` is what the report says, null where it says nothing.
    """

    axis: Literal["long", "short", "length"]
    points: list[list[float]]
    length_mm: float
    stated_mm: float | None = None


class Stale(msgspec.Struct, rename="camel", frozen=True):
    """Why a mapped report does not hold any more, and the transform at fault where it is one."""

    reason: StaleReport
    detail: str
    transform: str | None = None


class KeptReport(msgspec.Struct, rename="camel", frozen=True):
    """What one measurement group of a structured report says of a place, in one study.

    Attributes
    ----------
    id
        SOP Instance UID + "." + number of the group (1-based).
    said_by
        person, a user of this plugin; plugin, mapped by a transform; other, another software.
    is_own
        Whether the plugin wrote the report: only these are replaced and deleted.
    name, label
        The place's name as this report has it, and its whole text (of a mapped one with transforms and error).
    x, y, z
        LPS mm in `frame_of_reference_uid`: the point, or the middle of the (long) diameter. Null with a `reason`.
    image
        The pixel, where the report names one instead of a point of a Frame of Reference.
    path, uncertainty_mm
        Of a mapped report, as it was written: ids of transforms in their order, and the error, null if not measured.
    stale
        Null where the report holds.
    reason, detail
        Why the position cannot be used now.
    """

    id: str
    sop_instance_uid: str
    orthanc_instance_id: str
    study_instance_uid: str
    study_date: str
    acquisition_date_time: str | None
    said_by: SaidBy
    is_own: bool
    kind: PlaceKind
    name: str
    label: str
    created_by: str
    created_at: str | None
    manufacturer: str
    frame_of_reference_uid: str | None
    x: float | None
    y: float | None
    z: float | None
    image: ImagePoint | None = None
    diameters: list[Diameter] = []
    path: list[str] = []
    uncertainty_mm: float | None = None
    stale: Stale | None = None
    reason: PlaceFault | None = None
    detail: str = ""


class PlaceLinks(msgspec.Struct, rename="camel", frozen=True):
    """Where to see the place; absolute paths on this server, null for what it does not serve."""

    timeline: str
    ohif: str | None


class PlaceAnswer(msgspec.Struct, rename="camel", frozen=True):
    """A place: everything that is kept of it, one entry for each group of each report, in time order of the studies.

    Attributes
    ----------
    id
        The tracking UID; `<tracking UID>@<Orthanc id of the patient>` if two patients have it; the id of the report if it
        has none.
    source
        The id of the report that the place is resolved from: a person's, the oldest first. Null if none has a position;
        `reason` then says why.
    is_own
        Whether a user of this plugin keeps it: only such a place can be renamed, deleted and kept in other studies.
    created_by, created_at
        Of the source.
    stale
        How many of the reports are stale.
    flags
        `sharedTrackingUid`.
    """

    id: str
    tracking_uid: str | None
    name: str
    patient_id: str
    is_own: bool
    kind: PlaceKind
    source: str | None
    study_instance_uid: str
    frame_of_reference_uid: str | None
    x: float | None
    y: float | None
    z: float | None
    created_by: str
    created_at: str | None
    reports: list[KeptReport]
    stale: int
    links: PlaceLinks
    flags: list[str] = []
    reason: PlaceFault | None = None
    detail: str = ""


class UnreadReport(msgspec.Struct, rename="camel", frozen=True):
    """A report, or a group of one, that is not offered as a place, and why."""

    sop_instance_uid: str
    orthanc_instance_id: str
    study_instance_uid: str
    group: int
    name: str
    created_by: str
    reason: PlaceFault
    detail: str


class PlacesAnswer(msgspec.Struct, rename="camel", frozen=True):
    """Places of a patient, one page, by the time of the study they were placed in, then by name; `total` counts all.

    `unread` has at most 1,000 entries, `unread_total` counts all.
    """

    total: int
    limit: int
    offset: int
    places: list[PlaceAnswer]
    unread: list[UnreadReport]
    unread_total: int


class PlaceDetail(msgspec.Struct, rename="camel", frozen=True):
    """A place, and where it is now in every study of the patient.

    `answer` is what `points/resolve` says of the source, every study in exactly one of its lists; null if the place has no
    usable position.
    """

    place: PlaceAnswer
    answer: Answer | None


class NotKept(msgspec.Struct, rename="camel", frozen=True):
    """A study in which the place was not kept, and why: a code of places, or of studies without a match."""

    study_instance_uid: str
    reason: str
    detail: str


class KeptAnswer(msgspec.Struct, rename="camel", frozen=True):
    """The place after mapped reports were written, the studies they are in, and those they are not in."""

    place: PlaceAnswer
    kept: list[str]
    not_kept: list[NotKept]


class RemovedPlace(msgspec.Struct, rename="camel", frozen=True):
    """`deleted`: SOP Instance UIDs of the plugin's reports that are gone. `left`: those of others, which stay."""

    id: str
    deleted: list[str]
    left: list[str]
