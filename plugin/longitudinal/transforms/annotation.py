"""What we say about the items of a registration object: JSON, kept as user metadata beside the object.

The object itself says who made it and what the numbers are, and never changes; quality and review come later and are seen
by every node through the archive. The form is `{"items": {"2": {"expectedErrorMm": 1.1, ...}}}`.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec

from longitudinal.sidecar.records import Notes
from longitudinal.transforms.attempts import Figure
from longitudinal.transforms.error_at_place import split_errors


class _Item(msgspec.Struct, rename="camel", omit_defaults=True, frozen=True):
    expected_error_mm: float | None = None
    error_source: str | None = None
    given_origin: str | None = None
    given_by: str = ""
    given_at: str | None = None
    decision: str | None = None
    decided_by: str = ""
    decided_at: str | None = None
    quality: Any = None


class _Annotation(msgspec.Struct, frozen=True):
    items: dict[str, _Item] = msgspec.field(default_factory=dict)


_FIELDS = tuple(field.name for field in msgspec.structs.fields(_Item) if field.name != "quality")
# A registration says a dozen numbers of itself; what is longer is nothing of ours.
_LONGEST_QUALITY = 10_000
_ERROR_SOURCES = frozenset({"declared", "forwardBackward", "landmarks", "local"})
_ORIGINS = frozenset({"person", "automatic"})
_DECISIONS = frozenset({"accepted", "rejected"})


def read_annotation(text: str | None) -> dict[int, Notes]:
    """Notes by item number. What anybody else wrote there is nothing: it never raises.

    >>> read_annotation('{"items": {"2": {"decision": "accepted", "decidedBy": "ann"}}}')[2].decided_by
    'ann'
    >>> read_annotation("something else")
    {}
    """
    try:
        items = msgspec.json.decode(text or "{}", type=_Annotation).items
    except (msgspec.DecodeError, UnicodeError):
        return {}
    return {int(number): _believed(item) for number, item in items.items() if number.isdecimal()}


def read_statement(annotation: str | None, errors_at_place: str | None) -> dict[int, Notes]:
    """Notes by item number with what was measured place by place, which the archive keeps as a value of its own.

    Of an item without an annotation nothing is believed.
    """
    errors = split_errors(errors_at_place)
    return {
        number: replace(notes, error_at_place=errors.get(number))
        for number, notes in read_annotation(annotation).items()
    }


def write_annotation(notes: Mapping[int, Notes]) -> str:
    """The JSON of notes by item number."""
    items = {
        str(number): _Item(
            **{name: getattr(note, name) for name in _FIELDS},
            quality=None if note.quality is None else msgspec.json.decode(note.quality),
        )
        for number, note in sorted(notes.items())
    }
    return msgspec.json.encode(_Annotation(items)).decode()


def decide(text: str | None, item: int, decision: str, user: str, at: str) -> str:
    """The annotation with a reviewer's decision on one item; everything else stays."""
    notes = read_annotation(text)
    said = notes.get(item, Notes())
    notes[item] = replace(said, decision=decision, decided_by=user, decided_at=at)
    return write_annotation(notes)


def _believed(item: _Item) -> Notes:
    """The notes with what makes no sense left out: an edge must not fail on what stands in metadata."""
    error = item.expected_error_mm
    is_known = (
        error is not None and math.isfinite(error) and error >= 0 and item.error_source in _ERROR_SOURCES
    )
    return Notes(
        expected_error_mm=error if is_known else None,
        error_source=item.error_source if is_known else None,
        given_origin=item.given_origin if item.given_origin in _ORIGINS else None,
        given_by=item.given_by,
        given_at=item.given_at,
        decision=item.decision if item.decision in _DECISIONS else None,
        decided_by=item.decided_by,
        decided_at=item.decided_at,
        quality=_quality(item.quality),
    )


def _quality(said: object) -> str | None:
    """The JSON of an object of plain values; anything else is nothing."""
    try:
        text = msgspec.json.encode(msgspec.convert(said, dict[str, Figure])).decode()
    except msgspec.ValidationError:
        return None
    return text if len(text) <= _LONGEST_QUALITY else None
