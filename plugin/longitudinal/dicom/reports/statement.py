"""What one report of the plugin states of a place: written by `writer`, in the process for reports, and read by `reader`."""

from typing import Final, Literal

import msgspec

MANUFACTURER: Final = "orthanc-longitudinal"
"""Manufacturer and model of what the plugin writes."""
ALGORITHM: Final = "orthanc-longitudinal: mapped by registration objects"
"""Algorithm Name (111001, DCM) of a mapped report."""
LONGEST_NAME: Final = 64
SERIES_NUMBER: Final = 9100
"""After the scanner's own series, and after registration objects (9000)."""

Axis = Literal["point", "long", "short", "length"]


class Line(msgspec.Struct, frozen=True):
    """A point, or the two ends of a line.

    Attributes
    ----------
    points
        (n, 3) x, y, z in LPS mm of the Frame of Reference of the statement; without one (n, 2), column and row of an image,
        where the corner of the first pixel is (0, 0) (PS3.3 C.18.6.1.2).
    stated_mm
        The length that is stated beside the two ends.
    """

    axis: Axis
    points: tuple[tuple[float, ...], ...]
    stated_mm: float | None = None


class Mapping(msgspec.Struct, frozen=True):
    """How a place came into this study.

    Attributes
    ----------
    transforms
        Ids of the transforms in their order; none where both studies have one Frame of Reference.
    uncertainty_mm
        What 95 % of places like this one stay under; None if it was not measured.
    source_frame, source_point
        Where it was mapped from, LPS mm.
    requested_by
        The user who asked for it.
    """

    transforms: tuple[str, ...]
    uncertainty_mm: float | None
    source_frame: str
    source_point: tuple[float, float, float]
    requested_by: str = ""


class PlaceStatement(msgspec.Struct, frozen=True):
    """One report: a place in one study.

    Attributes
    ----------
    frame_of_reference_uid
        None where the images state none; then `lines` are pixels of the referenced image.
    frame_number
        1-based frame of the referenced image.
    instance_number
        Of two reports in one series the one with the higher number holds.
    observer
        The user whose statement it is; empty for a mapped one.
    observed_at
        When the place was stated, or mapped: ISO 8601 with an offset.
    author, written_at
        Who had this report written, and when: of a renamed place another user, and later.
    mapping
        None for a statement of a person.
    """

    tracking_uid: str
    name: str
    lines: tuple[Line, ...]
    frame_of_reference_uid: str | None
    frame_number: int
    sop_instance_uid: str
    series_instance_uid: str
    instance_number: int
    observer: str
    observed_at: str
    author: str
    written_at: str
    software_versions: str
    device_uid: str
    mapping: Mapping | None = None


def label_of(name: str, mapping: Mapping | None) -> str:
    """The text of a report, as viewers show it.

    >>> label_of("seg VII", None)
    'seg VII'
    >>> label_of("seg VII", Mapping(("1.2.3.2",), 1.24, "1.2", (0, 0, 0)))
    'seg VII (mapped by 1.2.3.2, error 1.2 mm)'
    >>> label_of("seg VII", Mapping((), None, "1.2", (0, 0, 0)))
    'seg VII (mapped within its Frame of Reference, error not measured)'
    """
    if mapping is None:
        return name
    way = "by " + " and ".join(mapping.transforms) if mapping.transforms else "within its Frame of Reference"
    known = mapping.uncertainty_mm
    error = "error not measured" if known is None else f"error {known:.1f} mm"
    return f"{name} (mapped {way}, {error})"


def short_label_of(name: str, mapping: Mapping | None) -> str:
    """The same without transforms, in at most 64 characters: OHIF draws no more of a report beside its point.

    >>> short_label_of("seg VII", Mapping(("1.2.3.2",), None, "1.2", (0, 0, 0)))
    'seg VII (mapped, error not measured)'
    """
    if mapping is None:
        return name[:LONGEST_NAME]
    known = mapping.uncertainty_mm
    error = " (mapped, error not measured)" if known is None else f" (mapped, error {known:.1f} mm)"
    return f"{name[: LONGEST_NAME - len(error)].rstrip()}{error}"


# The parts of a mapping, one Algorithm Parameters (111002, DCM) item for each; the one place that knows their form.
_TRANSFORM, _ERROR, _FRAME, _POINT, _BY = (
    "registration object and item",
    "error in mm",
    "mapped from Frame of Reference",
    "mapped from point in mm",
    "requested by",
)
_NOT_MEASURED = "not measured"


def parameters_of(mapping: Mapping) -> list[str]:
    """A mapping as texts, from which `mapping_of` makes the same again."""
    known = mapping.uncertainty_mm
    texts = [f"{_TRANSFORM}: {transform}" for transform in mapping.transforms]
    texts.append(f"{_ERROR}: {_NOT_MEASURED if known is None else repr(float(known))}")
    texts.append(f"{_FRAME}: {mapping.source_frame}")
    texts.append(f"{_POINT}: {' '.join(repr(float(value)) for value in mapping.source_point)}")
    if mapping.requested_by:
        texts.append(f"{_BY}: {mapping.requested_by}")
    return texts


def mapping_of(texts: list[str]) -> Mapping:
    """The mapping of such texts; raises ValueError if they are others.

    >>> given = Mapping(("1.2.3.2", "1.2.4.2"), 1.25, "1.2.9", (1.0, -2.5, 3.0), "ann")
    >>> mapping_of(parameters_of(given)) == given
    True
    """
    found: dict[str, list[str]] = {}
    for text in texts:
        name, _, value = text.partition(": ")
        found.setdefault(name, []).append(value)
    try:
        (error,), (frame,), (point,) = found[_ERROR], found[_FRAME], found[_POINT]
        x, y, z = (float(value) for value in point.split())
    except KeyError as missing:
        raise ValueError(f"an algorithm parameter is missing: {missing}") from None
    known = None if error == _NOT_MEASURED else float(error)
    return Mapping(tuple(found.get(_TRANSFORM, [])), known, frame, (x, y, z), found.get(_BY, [""])[0])
