"""The tags of a DICOM file in Orthanc's short JSON form, which is that of `longitudinal.dicom.tags`."""

from __future__ import annotations

from io import BytesIO
from os import PathLike
from typing import Any, BinaryIO, Literal

import pydicom
from pydicom.config import IGNORE
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.filereader import read_partial
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag, Tag

from longitudinal.dicom.character_sets import LATIN_1, SPECIFIC_CHARACTER_SET, CharacterSet, character_set
from longitudinal.dicom.plain_file import read_plain_file
from longitudinal.dicom.tag_names import PIXELS, PRIVATE_BLOCKS, READ_PRIVATE_TAGS, READ_TAGS

_PADDING = " \0\t\r\n"


def key_of(tag: BaseTag) -> str:
    """The number of a tag in the short form.

    >>> key_of(Tag(0x0020000D))
    '0020,000d'
    """
    return f"{tag.group:04x},{tag.element:04x}"


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
        vr = vr_of(element) if isinstance(element, RawDataElement) else None
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


def written_value(
    vr: str, value: bytes, characters: CharacterSet, is_little_endian: bool = True
) -> str | None:
    """Give a raw value in the short form; None of a VR that is left to pydicom.

    >>> written_value("DS", b"0.50 ", LATIN_1), written_value("US", bytes([1, 2]), LATIN_1)
    ('0.50', '513')
    """
    if vr in _WRITTEN_AS_ASCII:
        return value.decode("latin-1").strip(_PADDING)  # as written: pydicom raises on malformed numbers
    if vr in _TEXT:
        return characters.decode(value, is_name=vr == "PN").strip(_PADDING)
    if vr in _WORD and len(value) == _WORD_BYTES:
        order: Literal["little", "big"] = "little" if is_little_endian else "big"
        return str(int.from_bytes(value, order, signed=vr == "SS"))
    return None


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
    if isinstance(source, str | PathLike):
        plain = read_plain_file(source, keep)
        if plain is not None:
            return tags_from_dataset(plain, keep, default)
        with open(source, "rb") as opened:
            return read_file_tags(opened, default, keep)
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
        vr = vr_of(element) if isinstance(element, RawDataElement) else None
        if vr in _TEXT:
            written = characters.decode(element.value or b"", is_name=vr == "PN").rstrip(_PADDING)
            dataset[element_tag] = DataElement(element_tag, vr or "", written, validation_mode=IGNORE)
    return dataset


_WRITTEN_AS_ASCII = frozenset({"AE", "AS", "CS", "DA", "DS", "DT", "IS", "TM", "UI"})
_WORD, _WORD_BYTES = frozenset({"US", "SS"}), 2
"""Rows, Columns and their like, of which every header has some: pydicom takes twenty times as long to read one."""

_TEXT = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})


def _keys_of(keep: frozenset[str]) -> dict[BaseTag, str]:
    return {Tag(int(key.replace(",", ""), 16)): key for key in keep}


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
            if (wanted.group, wanted.creator) == (key[:4], name.strip(_PADDING).upper()):
                found |= _keys_of(frozenset([key, f"{key[:4]},{key[7:]}{wanted.element}"]))
    return found


def _named_character_set(dataset: pydicom.Dataset) -> str:
    """Give Specific Character Set as it is written; "" when absent."""
    element: Any = dataset.get_item(_CHARACTER_SET) if _CHARACTER_SET in dataset else None
    if element is None:
        return ""
    if isinstance(element, RawDataElement):
        return (element.value or b"").decode("latin-1").strip(_PADDING)
    return _joined_text(element) or ""


def vr_of(element: RawDataElement) -> str | None:
    """The VR of a raw element, also where the file states none; None if nobody knows it."""
    if element.VR is not None and element.VR != "UN":
        return element.VR
    try:
        return dictionary_VR(element.tag)
    except KeyError:
        return None


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
    written = value.decode("latin-1").strip(_PADDING)
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
    return repr(value) if type(value) is float else str(value).strip(_PADDING)
