"""The statements about the items of a registration object: JSON, kept as user metadata beside the object.

The object itself states who made it and what the numbers are, and never changes; quality and review come later, and every
node sees them through the archive. The form is `{"items": {"2": {"expectedErrorMm": 1.1, ...}}}`. This module reads what is
stored; `longitudinal.transforms.statements` decides what of it counts.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from longitudinal.sidecar.tables.records import Notes
from longitudinal.transforms.attempts import Figure
from longitudinal.transforms.error_at_place import digest_of, split_errors
from longitudinal.transforms.metadata_json import are_figures, read_metadata


class StatedItem(msgspec.Struct, rename="camel", omit_defaults=True, frozen=True):
    """The statements about one item, as stored in metadata; signatures may have any form, as anybody may write there."""

    expected_error_mm: float | None = None
    error_source: str | None = None
    given_origin: str | None = None
    given_by: str = ""
    given_at: str | None = None
    decision: str | None = None
    decided_by: str = ""
    decided_at: str | None = None
    decided_why: str = ""
    quality: Any = None
    given_signature: Any = None
    review_signature: Any = None
    errors_digest: str | None = None


class _Annotation(msgspec.Struct, frozen=True):
    items: dict[str, msgspec.Raw] = msgspec.field(default_factory=dict)


_FIELDS = tuple(
    name for name in StatedItem.__struct_fields__ if name != "quality" and "signature" not in name
)
# A registration states a dozen figures; longer texts are not the plugin's.
_LONGEST_QUALITY = 10_000
# For a name, a time, a code; DICOM's longest name has 3 times 64 characters and separators.
_LONGEST_TEXT = 1_000
_LARGEST_ERROR_MM = 1e4
# No object has a million items, and Python refuses to read numbers of thousands of digits.
_LONGEST_NUMBER = 6
_ERROR_SOURCES = frozenset({"declared", "forwardBackward", "landmarks", "local"})
_ORIGINS = frozenset({"person", "automatic"})
_DECISIONS = frozenset({"accepted", "rejected"})


def read_items(text: str | None) -> dict[int, StatedItem]:
    """What is stored, by item number. Foreign content counts as nothing: it never raises."""
    annotation = read_metadata(text, _Annotation)
    raw = {} if annotation is None else annotation.items
    read = {
        number: read_metadata(bytes(one).decode(), StatedItem)
        for number, one in raw.items()
        if _is_number(number)
    }
    return {int(number): item for number, item in read.items() if item is not None}


def write_items(items: Mapping[int, StatedItem]) -> str:
    """The JSON of items by number."""
    return msgspec.json.encode(
        {"items": {str(number): item for number, item in sorted(items.items())}}
    ).decode()


def read_annotation(text: str | None) -> dict[int, Notes]:
    """Notes by item number, whoever wrote them.

    >>> read_annotation('{"items": {"2": {"decision": "accepted", "decidedBy": "ann"}}}')[2].decided_by
    'ann'
    >>> read_annotation("something else")
    {}
    """
    return {number: note_of(item) for number, item in read_items(text).items()}


def read_statement(annotation: str | None, errors_at_place: str | None) -> dict[int, Notes]:
    """Notes by item number with what was measured place by place, which the archive keeps as a value of its own.

    Without an annotation of the item nothing counts, and with one only what its digest names.
    """
    errors = split_errors(errors_at_place)
    return {
        number: replace(notes, error_at_place=_named(errors.get(number), notes), errors_digest=None)
        for number, notes in read_annotation(annotation).items()
    }


def _named(error: bytes | None, notes: Notes) -> bytes | None:
    """The error at place, if it is the one that the notes were written with."""
    return error if error is not None and digest_of(error) == notes.errors_digest else None


def write_annotation(notes: Mapping[int, Notes]) -> str:
    """The JSON of notes by item number, without signatures."""
    return write_items(
        {
            number: StatedItem(
                **{name: getattr(note, name) for name in _FIELDS},
                quality=None if note.quality is None else msgspec.json.decode(note.quality),
            )
            for number, note in notes.items()
        }
    )


def note_of(item: StatedItem) -> Notes:
    """The notes without impossible values: an edge must not fail because of metadata."""
    error = item.expected_error_mm
    is_known = error is not None and 0 <= error <= _LARGEST_ERROR_MM and item.error_source in _ERROR_SOURCES
    return Notes(
        expected_error_mm=error if is_known else None,
        error_source=item.error_source if is_known else None,
        given_origin=item.given_origin if item.given_origin in _ORIGINS else None,
        given_by=item.given_by[:_LONGEST_TEXT],
        given_at=_short(item.given_at),
        decision=item.decision if item.decision in _DECISIONS else None,
        decided_by=item.decided_by[:_LONGEST_TEXT],
        decided_at=_short(item.decided_at),
        decided_why=item.decided_why[:_LONGEST_TEXT],
        quality=_quality(item.quality),
        errors_digest=_short(item.errors_digest),
    )


def _is_number(key: str) -> bool:
    """Whether a key is the number of an item in the plugin's own notation."""
    return key.isascii() and key.isdecimal() and len(key) <= _LONGEST_NUMBER and str(int(key)) == key


def _short(text: str | None) -> str | None:
    return None if text is None else text[:_LONGEST_TEXT]


def _quality(said: Any) -> str | None:
    """The JSON of an object of plain values; None for anything else."""
    try:
        figures = msgspec.convert(said, dict[str, Figure])
    except msgspec.ValidationError:
        return None
    if not are_figures(figures, _LONGEST_TEXT):
        return None
    text = msgspec.json.encode(figures).decode()
    return text if len(text) <= _LONGEST_QUALITY else None
