"""The tags of a DICOM file in Orthanc's short JSON form, which is that of `longitudinal.dicom.tags`.

Most files are plain and have plain values: they are read without pydicom, which is imported for the first other one.
"""

from __future__ import annotations

from os import PathLike
from typing import Any, BinaryIO, Final

from longitudinal.dicom.character_sets import LATIN_1, SPECIFIC_CHARACTER_SET, CharacterSet, character_set
from longitudinal.dicom.plain_file import PRIVATE_GROUPS, Elements, read_plain_file
from longitudinal.dicom.raw_values import PADDING, vr_of, written_value
from longitudinal.dicom.tag_names import (
    PIXELS,
    PRIVATE_BLOCKS,
    READ_PRIVATE_TAGS,
    READ_TAGS,
    keys_of,
    number_of,
)
from longitudinal.dicom.whole_library import load_pydicom

_CHARACTER_SET: Final = number_of(SPECIFIC_CHARACTER_SET)
# What pydicom reads other elements by: the set of their text, and whether numbers of VR "US or SS" have a sign.
_NEEDED_BESIDE: Final = (_CHARACTER_SET, number_of("0028,0103"))
_PIXELS: Final = {number_of(key): key for key in PIXELS}
_CREATORS: Final = frozenset(
    number_of(f"{tag.group},00{block}") for tag in READ_PRIVATE_TAGS for block in PRIVATE_BLOCKS
)
_WANTED_CREATORS: Final = frozenset((int(tag.group, 16), tag.creator) for tag in READ_PRIVATE_TAGS)


def read_file_tags(
    source: BinaryIO | str | PathLike[str] | bytes,
    default: CharacterSet = LATIN_1,
    keep: frozenset[str] = READ_TAGS,
) -> dict[str, Any]:
    """Read the short JSON form from a DICOM file, an open one or its bytes: the tags of `keep`, up to the pixels.

    Files without preamble are read too, because Orthanc stores them. Use it only for files that Orthanc has stored: from
    other bytes pydicom makes an empty or a senseless dataset, or raises anything.

    Raises
    ------
    OSError
        The file cannot be opened.
    """
    plain = read_plain_file(source, keep) if isinstance(source, str | PathLike) else None
    if plain is not None:
        return tags_of_elements(plain, keep, default)
    load_pydicom()
    from longitudinal.dicom.dataset_tags import read_with_pydicom

    if not isinstance(source, str | PathLike):
        return read_with_pydicom(source, default, keep)
    with open(source, "rb") as opened:
        return read_with_pydicom(opened, default, keep)


def tags_of_elements(
    elements: Elements, keep: frozenset[str] = READ_TAGS, default: CharacterSet = LATIN_1
) -> dict[str, Any]:
    """Put the elements of a plain file into the short form, as `dataset_tags.tags_from_dataset` does with a dataset."""
    characters = characters_of(elements, default)
    keys, found, others, private = keys_of(keep), dict[str, Any](), Elements(), Elements()
    for tag, element in elements.items():
        key = keys.get(tag)
        if tag in _PIXELS:
            if key is not None or keep is READ_TAGS:
                found[_PIXELS[tag]] = None
        elif key is not None:
            vr = vr_of(tag, element.vr)
            written = None if vr is None else written_value(vr, element.value, characters)
            if written is None:
                others[tag] = element
            else:
                found[key] = written
        elif tag >> 16 in PRIVATE_GROUPS and keep is READ_TAGS:
            private[tag] = element
    if _has_wanted_block(private):
        others |= private
    if others:
        load_pydicom()
        from longitudinal.dicom.dataset_tags import tags_of_raw_elements

        others |= {tag: elements[tag] for tag in _NEEDED_BESIDE if tag in elements}
        found |= tags_of_raw_elements(others, keep, default)
    return found


def characters_of(elements: Elements, default: CharacterSet) -> CharacterSet:
    """The character set that the elements of a file name."""
    named = elements.get(_CHARACTER_SET)
    return character_set("" if named is None else named.value.decode("latin-1").strip(PADDING), default)


def _has_wanted_block(private: Elements) -> bool:
    """Whether a creator of wanted private elements has reserved a block (PS3.5 7.8.1)."""
    return any(
        (tag >> 16, element.value.decode("latin-1").strip(PADDING).upper()) in _WANTED_CREATORS
        for tag, element in private.items()
        if tag in _CREATORS
    )
