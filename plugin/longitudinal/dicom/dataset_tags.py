"""The tags of pydicom's datasets in Orthanc's short JSON form, and of the files that only pydicom reads."""

from __future__ import annotations

from io import BytesIO
from typing import Any, BinaryIO

import pydicom
from pydicom.config import IGNORE
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.filereader import read_partial
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag, Tag

from longitudinal.dicom.character_sets import LATIN_1, SPECIFIC_CHARACTER_SET, CharacterSet, character_set
from longitudinal.dicom.plain_file import Elements
from longitudinal.dicom.raw_values import PADDING, TEXT, vr_of, written_value
from longitudinal.dicom.tag_names import PIXELS, PRIVATE_BLOCKS, READ_PRIVATE_TAGS, READ_TAGS, number_of


def tags_from_dataset(
    dataset: pydicom.Dataset, keep: frozenset[str] = READ_TAGS, default: CharacterSet = LATIN_1
) -> dict[str, Any]:
    """Put a dataset into Orthanc's short JSON form.

    Parameters
    ----------
    dataset : pydicom.Dataset
        Read with ``stop_before_pixels``; it may have malformed values.
    keep : frozenset of str
        The tags to copy, at any depth; by default those the readers of this package ask for.
    default : CharacterSet
        For text where the dataset names no character set.

    Returns
    -------
    dict
        Malformed values are kept as written, for the typed getters to refuse.
    """
    wanted = _KEYS if keep is READ_TAGS else _keys_of(keep)
    characters = character_set(_named_character_set(dataset), default)
    found: dict[str, Any] = {}
    if keep is READ_TAGS:
        found |= {_PIXEL_KEYS[element_tag]: None for element_tag in dataset.keys() & _PIXEL_KEYS.keys()}
        if creators := dataset.keys() & _CREATORS.keys():
            wanted = wanted | _private_keys(dataset, creators)
    for element_tag in dataset.keys() & wanted.keys():
        element: Any = dataset.get_item(element_tag)  # still raw if nobody has asked for it
        vr = vr_of(element.tag, element.VR) if isinstance(element, RawDataElement) else None
        written = (
            None
            if vr is None
            else written_value(vr, element.value or b"", characters, element.is_little_endian)
        )
        if written is not None:
            found[wanted[element_tag]] = written
        elif element is not None:
            found[wanted[element_tag]] = _short_value(dataset, element_tag, keep, characters)
    return found


def tags_of_raw_elements(elements: Elements, keep: frozenset[str], default: CharacterSet) -> dict[str, Any]:
    """Put elements of a plain file into the short form; they are those of a dataset that pydicom has read."""
    raw = {
        # pydicom keeps no bytes of an empty value
        Tag(tag): RawDataElement(Tag(tag), vr, len(value), value or None, 0, vr is None, True)
        for tag, (vr, value) in elements.items()
    }
    return tags_from_dataset(pydicom.Dataset(raw), keep, default)  # type: ignore[arg-type]


def read_with_pydicom(
    source: BinaryIO | bytes, default: CharacterSet = LATIN_1, keep: frozenset[str] = READ_TAGS
) -> dict[str, Any]:
    """Read a file as `longitudinal.dicom.file_tags.read_file_tags` does, with pydicom alone."""
    pixels: dict[str, None] = {}

    def stop_at_pixels(element_tag: BaseTag, vr: str | None, length: int) -> bool:
        if element_tag in _PIXEL_KEYS:
            pixels[_PIXEL_KEYS[element_tag]] = None
        return bool(pixels)

    opened_or_bytes = BytesIO(source) if isinstance(source, bytes) else source
    dataset = read_partial(opened_or_bytes, stop_at_pixels, force=True)
    return tags_from_dataset(dataset, keep, default) | pixels


def with_unicode(dataset: pydicom.Dataset, default: CharacterSet = LATIN_1) -> pydicom.Dataset:
    """Read the text at the top of a dataset as `tags_from_dataset` does, in place; everything else is left to pydicom.

    Returns
    -------
    pydicom.Dataset
        The same one, for reading only: it still names the character set it was written in.
    """
    characters = character_set(_named_character_set(dataset), default)
    for element_tag in list(dataset.keys()):
        element: Any = dataset.get_item(element_tag)
        vr = vr_of(element.tag, element.VR) if isinstance(element, RawDataElement) else None
        if vr in TEXT:
            written = characters.decode(element.value or b"", is_name=vr == "PN").rstrip(PADDING)
            dataset[element_tag] = DataElement(element_tag, vr or "", written, validation_mode=IGNORE)
    return dataset


def _keys_of(keep: frozenset[str]) -> dict[BaseTag, str]:
    return {Tag(number_of(key)): key for key in keep}


_KEYS = _keys_of(READ_TAGS)
_PIXEL_KEYS = _keys_of(frozenset(PIXELS))
_CREATORS = _keys_of(
    frozenset(f"{tag.group},00{block}" for tag in READ_PRIVATE_TAGS for block in PRIVATE_BLOCKS)
)
(_CHARACTER_SET,) = _keys_of(frozenset({SPECIFIC_CHARACTER_SET}))


def _private_keys(dataset: pydicom.Dataset, creators: set[BaseTag]) -> dict[BaseTag, str]:
    """The private elements to copy and their creators, by tag."""
    found: dict[BaseTag, str] = {}
    for creator_tag in creators:
        key = _CREATORS[creator_tag]
        element = dataset.get_item(creator_tag)
        value = element.value if element is not None else b""
        name = value.decode("latin-1") if isinstance(value, bytes) else str(value)
        for wanted in READ_PRIVATE_TAGS:
            if (wanted.group, wanted.creator) == (key[:4], name.strip(PADDING).upper()):
                found |= _keys_of(frozenset([key, f"{key[:4]},{key[7:]}{wanted.element}"]))
    return found


def _named_character_set(dataset: pydicom.Dataset) -> str:
    """Give Specific Character Set as it is written; "" when absent."""
    element: Any = dataset.get_item(_CHARACTER_SET) if _CHARACTER_SET in dataset else None
    if element is None:
        return ""
    if isinstance(element, RawDataElement):
        return (element.value or b"").decode("latin-1").strip(PADDING)
    return _joined_text(element) or ""


def _short_value(
    dataset: pydicom.Dataset, element_tag: BaseTag, keep: frozenset[str], characters: CharacterSet
) -> Any:
    """Turn one element into a string, a list of items or None."""
    if element_tag in _PIXEL_KEYS:
        return None
    try:
        element = dataset[element_tag]
    except Exception:  # pydicom raises many kinds; an unreadable value is treated like one that was cut
        return None
    if element.tag.is_private and isinstance(element.value, bytes):
        return _private_text(element.value)
    if element.VR == "SQ":
        return [tags_from_dataset(entry, keep, characters) for entry in element.value or []]
    return _joined_text(element)


def _private_text(value: bytes) -> str:
    """A private value for which pydicom has no VR; the wanted ones are then text, and numbers written as text."""
    written = value.decode("latin-1").strip(PADDING)
    return written if written.isascii() and written.isprintable() else ""


def _joined_text(element: DataElement) -> str | None:
    value = element.value
    if value is None:
        return ""
    if isinstance(value, bytes):
        return None
    if isinstance(value, (MultiValue, list, tuple)):
        return "\\".join([_written(part) for part in value])
    return _written(value)


def _written(value: Any) -> str:
    if isinstance(value, BaseTag):
        return f"{value.group:04x},{value.elem:04x}"
    # repr keeps every bit of a double; DS and IS know how they were written
    return repr(value) if type(value) is float else str(value).strip(PADDING)
