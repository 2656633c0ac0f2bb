"""Reads structured reports of any software: groups of TID 1410, 1411 and 1501, and coordinates outside of groups."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from pydicom import Dataset

from longitudinal.dicom.dates import read_date_time, read_timezone
from longitudinal.dicom.reports.coordinates import Coordinates, UnknownShape, lines_of, read_coordinates
from longitudinal.dicom.reports.group import Report, ReportedGroup
from longitudinal.dicom.reports.statement import ALGORITHM, MANUFACTURER, Mapping, mapping_of
from longitudinal.dicom.uids import is_uid
from longitudinal.reasons import PlaceFault

MOST_GROUPS: Final = 2_000
LARGEST_REPORT: Final = 16 * 1024 * 1024
"""Bytes of a report that is read; one of 2,000 groups has 4 million."""

_DEEPEST = 32
_LONGEST_NAME, _LONGEST_LABEL = 200, 1_000
_GROUP, _TRACKING, _TRACKING_UID = "125007", "112039", "112040"
_COMMENT, _FINDING = "121106", "121071"
_ALGORITHM_NAME, _ALGORITHM_PARAMETERS = "111001", "111002"
_PERSON, _DEVICE = "121008", "121013"
_SPATIAL = frozenset({"SCOORD", "SCOORD3D"})
# How viewers write down which tool drew it, in place of a name.
_TOOL = re.compile(r"^cornerstone\w*@|^[\w.]+@\^?[0-9.]+:", re.IGNORECASE)


class TooManyGroups(Exception):
    """The report has more groups with coordinates than are read."""


def read_report(dataset: Dataset) -> Report:
    """Read a whole report.

    Raises
    ------
    TooManyGroups
    Exception
        Whatever pydicom raises on damaged content.
    """
    root = _children(dataset)
    is_own = _text(dataset, "Manufacturer") == MANUFACTURER
    groups = []
    for number, item in enumerate(_places(root), 1):
        if number > MOST_GROUPS:
            raise TooManyGroups
        groups.append(_group(number, item, is_own=is_own))
    return Report(
        groups=tuple(groups),
        observer=_observer(root, dataset),
        written_at=_written_at(dataset),
        manufacturer=_text(dataset, "Manufacturer")[:_LONGEST_NAME],
        is_own=is_own,
        evidence_uid=_evidence(dataset),
        instance_number=_number(dataset),
    )


def _places(root: Sequence[Dataset]) -> Iterator[Dataset]:
    """Every measurement group with coordinates, and outside of groups every item that has some, in order."""
    waiting = [(item, 1) for item in reversed(root)]
    while waiting:
        item, depth = waiting.pop()
        if depth > _DEEPEST:
            raise RecursionError(f"content items nested more than {_DEEPEST} levels deep")
        value_type = _text(item, "ValueType")
        if value_type in _SPATIAL:
            yield item
        elif value_type == "NUM" or (value_type == "CONTAINER" and _concept(item) == _GROUP):
            if next(_coordinates(item), None) is not None:
                yield item
        else:
            waiting.extend((child, depth + 1) for child in reversed(_children(item)))


def _coordinates(item: Dataset) -> Iterator[tuple[Dataset, Dataset | None]]:
    """Items with coordinates in or below an item, each with the measurement that it belongs to."""
    waiting: list[tuple[Dataset, Dataset | None, int]] = [(item, None, 0)]
    while waiting:
        found, measurement, depth = waiting.pop()
        value_type = _text(found, "ValueType")
        if value_type in _SPATIAL:
            yield found, measurement
            continue
        if depth > _DEEPEST:
            raise RecursionError(f"content items nested more than {_DEEPEST} levels deep")
        inner = found if value_type == "NUM" else measurement
        waiting.extend((child, inner, depth + 1) for child in reversed(_children(found)))


def _group(number: int, item: Dataset, *, is_own: bool) -> ReportedGroup:
    children = [item] if _text(item, "ValueType") in _SPATIAL else _children(item)
    by_concept = {_concept(child): child for child in reversed(children)}
    tracking = _text(by_concept.get(_TRACKING_UID), "UID")
    label = _text(by_concept.get(_COMMENT), "TextValue")
    name = _name(by_concept, item, label)
    tracked = tracking if is_uid(tracking) else None
    try:
        coordinates = [_coordinate(found, measured) for found, measured in _coordinates(item)]
        kind, lines = lines_of(
            coordinates, is_arrow="arrow" in _text(by_concept.get(_TRACKING), "TextValue").lower()
        )
        mapping = _mapping(children) if is_own else None
    except UnknownShape as why:
        return ReportedGroup(number, tracked, name, label, "point", refusal=why.fault, detail=str(why))
    first = coordinates[0]
    return ReportedGroup(
        number, tracked, name, label[:_LONGEST_LABEL] or name, kind, lines, first.frame_of_reference_uid,
        first.image_uid, first.frame_number, mapping,
    )  # fmt: skip


def _coordinate(item: Dataset, measurement: Dataset | None) -> Coordinates:
    """One SCOORD or SCOORD3D item. Raises UnknownShape."""
    image = next((child for child in _children(item) if _text(child, "ValueType") == "IMAGE"), None)
    return read_coordinates(
        item,
        image,
        "" if measurement is None else _concept(measurement),
        _meaning(measurement),
        _value(measurement),
    )


def _mapping(children: Sequence[Dataset]) -> Mapping | None:
    """How the plugin mapped a group; None for a statement of a person. Raises UnknownShape if that cannot be read."""
    named = [_text(child, "TextValue") for child in children if _concept(child) == _ALGORITHM_NAME]
    if named != [ALGORITHM]:
        return None
    try:
        return mapping_of(
            [_text(child, "TextValue") for child in children if _concept(child) == _ALGORITHM_PARAMETERS]
        )
    except ValueError as error:
        raise UnknownShape(PlaceFault.UNREADABLE_REPORT, str(error)) from None


def _name(by_concept: dict[str, Dataset], item: Dataset, label: str) -> str:
    """What a person would call it: never the name of the tool that drew it."""
    identifier = _text(by_concept.get(_TRACKING), "TextValue")
    finding = by_concept.get(_FINDING)
    candidates = [
        "" if _TOOL.search(identifier) else identifier,
        label,
        _code(finding, "ConceptCodeSequence", "CodeMeaning"),
        "" if _concept(item) == _GROUP else _meaning(item),
    ]
    named = next((" ".join(text.split()) for text in candidates if text.strip()), "")
    return named[:_LONGEST_NAME]


def _observer(root: Sequence[Dataset], dataset: Dataset) -> str:
    by_concept = {_concept(item): item for item in reversed(root)}
    person = _text(by_concept.get(_PERSON), "PersonName")
    device = _text(by_concept.get(_DEVICE), "TextValue")
    name = " ".join(person.replace("^", " ").split()) or device or _text(dataset, "Manufacturer")
    return name[:_LONGEST_NAME]


def _written_at(dataset: Dataset) -> str | None:
    zone = read_timezone(_text(dataset, "TimezoneOffsetFromUTC"))
    observed = read_date_time(_text(dataset, "ObservationDateTime"), zone)
    content = read_date_time(_text(dataset, "ContentDate") + _text(dataset, "ContentTime"), zone)
    moment = observed or content
    return None if moment is None else moment.isoformat()


def _evidence(dataset: Dataset) -> str | None:
    """The first image of the Current Requested Procedure Evidence Sequence (PS3.3 C.17.2)."""
    for study in dataset.get("CurrentRequestedProcedureEvidenceSequence") or ():
        for series in study.get("ReferencedSeriesSequence") or ():
            for image in series.get("ReferencedSOPSequence") or ():
                return _text(image, "ReferencedSOPInstanceUID") or None
    return None


def _number(dataset: Dataset) -> int:
    text = _text(dataset, "InstanceNumber")
    return int(text) if text.isdecimal() and len(text) <= 9 else 1


def _children(item: Dataset) -> Sequence[Dataset]:
    return list(item.get("ContentSequence") or ())


def _concept(item: Dataset) -> str:
    return _code(item, "ConceptNameCodeSequence", "CodeValue")


def _meaning(item: Dataset | None) -> str:
    return _code(item, "ConceptNameCodeSequence", "CodeMeaning")


def _code(item: Dataset | None, sequence: str, keyword: str) -> str:
    codes = None if item is None else item.get(sequence)
    return _text(codes[0], keyword) if codes else ""


def _value(measurement: Dataset | None) -> float | None:
    """The value of a measurement in mm; centimetres are converted, anything else is not a length."""
    values = None if measurement is None else measurement.get("MeasuredValueSequence")
    if not values:
        return None
    unit = _code(values[0], "MeasurementUnitsCodeSequence", "CodeValue")
    factor = {"mm": 1.0, "cm": 10.0}.get(unit)
    try:
        return None if factor is None else float(values[0].NumericValue) * factor
    except (AttributeError, TypeError, ValueError):
        return None


def _text(item: Dataset | None, keyword: str) -> str:
    value = None if item is None else item.get(keyword)
    return "" if value is None else str(value).strip()
