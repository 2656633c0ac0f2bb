r"""The tags of one instance in Orthanc's short JSON form, and the same form read from a file.

``{"0020,0032": "a\\b\\c", "5200,9230": [{...}, {...}], ...}``: keys are lower-case hexadecimal. Values are
strings with backslashes between multiple values, None where Orthanc cuts a long or binary value, and lists of
such mappings for sequences. Of the pixels only their tag is present, with None: an object without it is not an image.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from io import BytesIO
from os import PathLike
from typing import Any, BinaryIO, Literal

import pydicom
from pydicom.config import IGNORE
from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.filereader import read_partial
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag, Tag

from longitudinal.dicom.character_sets import LATIN_1, SPECIFIC_CHARACTER_SET, CharacterSet, character_set
from longitudinal.dicom.plain_file import read_plain_file
from longitudinal.dicom.tag_names import PIXELS, PRIVATE_BLOCKS, READ_PRIVATE_TAGS, READ_TAGS, PrivateTag

Tags = Mapping[str, Any]

_PADDING = " \0\t\r\n"
_YEN = "\u00a5"
"""What Orthanc 1.10 makes of the backslash between values where the character set is JIS X 0201."""

_LARGEST_INTEGER = 2**31 - 1  # VR IS, PS3.5 6.2
_SHORT = 10  # characters that cannot exceed it


class BadValueError(ValueError):
    """A value that cannot be read as what its VR promises; becomes the reason code ``badValue``."""


def text(tags: Tags, key: str) -> str:
    """Give a value without padding; "" when absent, empty, cut or a sequence.

    >>> text({"0008,0060": "MR "}, "0008,0060")
    'MR'
    """
    value = tags.get(key)
    return value.strip(_PADDING) if isinstance(value, str) else ""


def texts(tags: Tags, key: str) -> tuple[str, ...]:
    """Give the values of a multiple value, each without padding; () when absent or empty."""
    value = text(tags, key).replace(_YEN, "\\")
    return tuple([part.strip(_PADDING) for part in value.split("\\")]) if value else ()


def numbers(tags: Tags, key: str) -> tuple[float, ...]:
    r"""Read the numbers of a DS, FD, FL, IS, US... element; () when absent or empty.

    Raises
    ------
    BadValueError
        One of them is not a finite number, or the value was cut.

    >>> numbers({"0028,0030": " 0.5\\0.75 "}, "0028,0030")
    (0.5, 0.75)
    """
    value = tags.get(key)
    if value is None:
        if key in tags:
            raise BadValueError(f"{name_of(key)} is too long or binary")
        return ()
    if not isinstance(value, str):
        raise BadValueError(f"{name_of(key)} is a sequence")
    value = value.strip(_PADDING).replace(_YEN, "\\")
    if not value:
        return ()
    try:
        parsed = tuple([float(part) for part in value.split("\\")])
    except ValueError:
        raise BadValueError(f"{name_of(key)} is not a number: {value[:40]!r}") from None
    # float() takes 1_0 for 10; a sum would overflow where each of its numbers is finite
    if "_" in value or not all(map(math.isfinite, parsed)):
        raise BadValueError(f"{name_of(key)} is not a finite number: {value[:40]!r}")
    return parsed


def number(tags: Tags, key: str) -> float:
    """Read the first number; NaN when absent or empty.

    Raises
    ------
    BadValueError
        As `numbers`.
    """
    found = numbers(tags, key)
    return found[0] if found else math.nan


def number_if_valid(tags: Tags, key: str) -> float:
    """Read the first number of a value that geometry does not need; NaN when absent or malformed."""
    value = tags.get(key)
    if not isinstance(value, str) or not value or "_" in value:
        return math.nan
    try:
        found = float(value)
    except ValueError:
        try:
            found = float(value.replace(_YEN, "\\").partition("\\")[0].strip(_PADDING))
        except ValueError:
            return math.nan
    return found if math.isfinite(found) else math.nan


def integer(tags: Tags, key: str) -> int | None:
    """Read a whole number; None when absent or empty. "1.0" is read, as real files have it.

    Raises
    ------
    BadValueError
        It is not one whole number of 32 bits.
    """
    found = numbers(tags, key)
    if not found:
        return None
    if len(found) > 1:
        raise BadValueError(f"{name_of(key)} has {len(found)} values: {text(tags, key)[:40]}")
    if found[0] != int(found[0]) or abs(found[0]) > _LARGEST_INTEGER:
        raise BadValueError(f"{name_of(key)} is not a whole number: {found[0]!r}")
    return int(found[0])


def integer_if_valid(tags: Tags, key: str) -> int | None:
    """Read a whole number that geometry does not need; None when absent or malformed."""
    value = tags.get(key)
    if isinstance(value, str) and len(value) < _SHORT and value.isascii() and value.isdigit():
        return int(value)  # nearly always
    try:
        return integer(tags, key)
    except BadValueError:
        return None


def sequence(tags: Tags, key: str) -> Sequence[Tags]:
    """Give the items of a sequence; [] if absent or not a sequence."""
    value = tags.get(key)
    return value if isinstance(value, list) else []


def item(tags: Tags, key: str) -> Tags:
    """Give the first item of a sequence; {} if it has none."""
    value = tags.get(key)
    return value[0] if isinstance(value, list) and value and isinstance(value[0], dict) else _NO_TAGS


_NO_TAGS: Tags = {}


def key_of(tag: BaseTag) -> str:
    """The number of a tag in the short form.

    >>> key_of(Tag(0x0020000D))
    '0020,000d'
    """
    return f"{tag.group:04x},{tag.element:04x}"


def name_of(key: str) -> str:
    """The keyword and the number of a tag, as a reason names it.

    >>> name_of("0028,0030")
    'PixelSpacing (0028,0030)'
    """
    return f"{keyword_for_tag(int(key.replace(',', ''), 16))} ({key})".strip()


def private_key(tags: Tags, wanted: PrivateTag) -> str | None:
    """The key of a private element in these tags; None if its creator has no block, or the block no such element."""
    for creator_key in sorted(_CREATOR_KEYS[wanted.group] & tags.keys()):
        key = f"{wanted.group},{creator_key[-2:]}{wanted.element}"
        if key in tags and text(tags, creator_key).upper() == wanted.creator:
            return key
    return None


_CREATOR_KEYS = {
    wanted.group: frozenset(f"{wanted.group},00{block}" for block in PRIVATE_BLOCKS)
    for wanted in READ_PRIVATE_TAGS
}


def has_pixels(tags: Tags) -> bool:
    """Whether the object has pixels, of whatever kind."""
    return any(key in tags for key in PIXELS)


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
