"""The attributes of one instance as people read them: number, name, value, nested ones below their sequence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from longitudinal.dicom.keywords import entry_of
from longitudinal.dicom.tag_names import number_of

MOST_CHARACTERS = 1_024
MOST_ITEMS = 100
MOST_LEVELS = 32
PER_FRAME = "5200,9230"
"""PerFrameFunctionalGroupsSequence (PS3.3 C.7.6.16): one item for each frame."""

_PRIVATE_CREATOR = range(0x10, 0x100)


class Attribute(msgspec.Struct, rename="camel", frozen=True):
    """One attribute.

    `tag` is "gggg,eeee"; `keyword` and `name` are empty where the dictionary of the standard has none, as of private ones.
    `value` is text, backslashes between multiple values; null where it is binary, too long, or a sequence.
    `isCut`: the value goes on. `items` are those of a sequence, null of anything else; `itemCount` counts all of them, also
    those left out: of more than a hundred, of frames that were not asked for, and of what is nested deeper than 32 levels.
    """

    tag: str
    keyword: str
    name: str
    vr: str
    value: str | None
    is_cut: bool
    items: list[list[Attribute]] | None
    item_count: int


def read_attributes(tags: Mapping[str, Any], frame: int | None = None) -> list[Attribute]:
    """All attributes in the order of their tags.

    Parameters
    ----------
    tags
        In Orthanc's short form (`dicom/tags.py`).
    frame
        1-based: of per-frame attributes those of this frame alone; None for the first `MOST_ITEMS` frames.
    """
    return _read(tags, frame, 0)


def _read(tags: Mapping[str, Any], frame: int | None, level: int) -> list[Attribute]:
    return [_attribute(key, tags[key], frame, level) for key in sorted(tags)]


def _attribute(key: str, value: Any, frame: int | None, level: int) -> Attribute:
    number = number_of(key)
    keyword, name, vr = _named(number)
    items: list[list[Attribute]] | None = None
    count, is_cut, shown = 0, False, None
    if isinstance(value, list):
        count = len(value)
        wanted = value[frame - 1 : frame] if key == PER_FRAME and frame is not None else value[:MOST_ITEMS]
        items = [_read(item, frame, level + 1) for item in wanted] if level < MOST_LEVELS else []
    elif isinstance(value, str):
        is_cut = len(value) > MOST_CHARACTERS
        shown = value[:MOST_CHARACTERS]
    return Attribute(key, keyword, name, vr, shown, is_cut, items, count)


def _named(number: int) -> tuple[str, str, str]:
    """Keyword, name and VR.

    >>> _named(0x00200032)
    ('ImagePositionPatient', 'Image Position (Patient)', 'DS')
    >>> _named(0x00290010), _named(0x00291010)
    (('', 'Private Creator', 'LO'), ('', '', ''))
    """
    if (entry := entry_of(number)) is not None:
        return entry
    is_private = bool(number >> 16 & 1)
    return (
        ("", "Private Creator", "LO") if is_private and number & 0xFFFF in _PRIVATE_CREATOR else ("", "", "")
    )
