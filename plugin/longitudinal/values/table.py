"""Values over time as CSV (RFC 4180): one row for each study, those without a place too."""

import csv
import io
from collections.abc import Iterator

from longitudinal.values.answer import MatchValues, TimelineAnswer

COLUMNS = (
    "studyDate", "acquisitionDateTime", "modality", "seriesDescription", "studyInstanceUid", "seriesInstanceUid",
    "sopInstanceUid", "frameNumber", "frameOfReferenceUid", "x", "y", "z", "uncertaintyMm", "uncertaintySource", "grade",
    "reviewed", "radiusMm", "quantity", "unit", "voxels", "mean", "sd", "minimum", "maximum", "leastMean", "greatestMean",
    "movedReason", "reason", "detail", "suvReason",
)  # fmt: skip

# A spreadsheet takes a text that begins like this for a formula and may run it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_of(answer: TimelineAnswer) -> str:
    """The table; what is not known is empty."""
    rows = [
        *((match.study_date, _of_match(match, answer.radius_mm)) for match in answer.matches),
        *((one.study_date, _of_unresolved(one.study_date, one)) for one in answer.unresolved),
    ]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for _, row in sorted(rows, key=lambda dated: dated[0] or "9999"):
        writer.writerow([_cell(row.get(column)) for column in COLUMNS])
    return text.getvalue()


def _of_match(match: MatchValues, radius_mm: float) -> dict[str, object]:
    values = dict(_camel(match.values))
    return dict(_camel(match)) | values | {"radiusMm": radius_mm}


def _of_unresolved(date: str, unresolved: object) -> dict[str, object]:
    return dict(_camel(unresolved)) | {"studyDate": date}


def _camel(struct: object) -> Iterator[tuple[str, object]]:
    fields: tuple[str, ...] = struct.__struct_fields__  # type: ignore[attr-defined]
    names: tuple[str, ...] = struct.__struct_encode_fields__  # type: ignore[attr-defined]
    return ((name, getattr(struct, field)) for field, name in zip(fields, names, strict=True))


def _cell(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float | int):
        return repr(value)
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
