r"""The tags of one instance in Orthanc's short JSON form; `longitudinal.dicom.file_tags` reads the same form from a file.

``{"0020,0032": "a\\b\\c", "5200,9230": [{...}, {...}], ...}``: keys are lower-case hexadecimal. Values are
strings with backslashes between multiple values, None where Orthanc cuts a long or binary value, and lists of
such mappings for sequences. Of the pixels only their tag is present, with None: an object without it is not an image.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from longitudinal.dicom.keywords import keyword_of
from longitudinal.dicom.raw_values import PADDING
from longitudinal.dicom.tag_names import PIXELS, PRIVATE_BLOCKS, READ_PRIVATE_TAGS, PrivateTag

Tags = Mapping[str, Any]

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
    return value.strip(PADDING) if isinstance(value, str) else ""


def texts(tags: Tags, key: str) -> tuple[str, ...]:
    """Give the values of a multiple value, each without padding; () when absent or empty."""
    value = text(tags, key).replace(_YEN, "\\")
    return tuple([part.strip(PADDING) for part in value.split("\\")]) if value else ()


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
    value = value.strip(PADDING).replace(_YEN, "\\")
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
            found = float(value.replace(_YEN, "\\").partition("\\")[0].strip(PADDING))
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


def name_of(key: str) -> str:
    """The keyword and the number of a tag, as a reason names it.

    >>> name_of("0028,0030")
    'PixelSpacing (0028,0030)'
    """
    return f"{keyword_of(key)} ({key})".strip()


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
