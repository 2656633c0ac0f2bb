"""Values of elements that `elements` found: bytes become text and numbers here, and nothing raises because of content."""

from __future__ import annotations

import math
from struct import unpack_from

import msgspec

from longitudinal.dicom.character_sets import CharacterSet
from longitudinal.dicom.raw_values import PADDING
from longitudinal.dicom.related.elements import Elements

# Names and descriptions of real objects have some hundred characters; LO has 64.
_LONGEST = 1_024


class Reader(msgspec.Struct, frozen=True):
    """Reads values in the character set of one object."""

    characters: CharacterSet

    def text(self, item: Elements, tag: int) -> str:
        """Text without padding; "" where there is none."""
        value = item.get(tag)
        if not isinstance(value, bytes):
            return ""
        return self.characters.decode(value[:_LONGEST], is_name=False).strip(PADDING)


def code(item: Elements, tag: int) -> str:
    """A UID or a code string without padding; "" where there is none."""
    value = item.get(tag)
    return value[:_LONGEST].decode("latin-1").strip(PADDING) if isinstance(value, bytes) else ""


def numbers(item: Elements, tag: int) -> tuple[float, ...]:
    """The numbers of a DS or IS; () where one of them is malformed or not finite."""
    written = code(item, tag)
    if not written or "_" in written:  # float() takes 1_0 for 10
        return ()
    try:
        found = tuple(float(part) for part in written.split("\\"))
    except ValueError:
        return ()
    return found if all(map(math.isfinite, found)) else ()


def number(item: Elements, tag: int) -> float | None:
    """The first number of a DS or IS; None where there is none."""
    found = numbers(item, tag)
    return found[0] if found else None


def integer(item: Elements, tag: int) -> int | None:
    """A whole number of an IS; None where there is none."""
    found = number(item, tag)
    return int(found) if found is not None and found == int(found) and abs(found) < 2**31 else None


def short(item: Elements, tag: int) -> int | None:
    """A US; None where there is none."""
    value = item.get(tag)
    return int(unpack_from("<H", value)[0]) if isinstance(value, bytes) and len(value) >= 2 else None


def singles(item: Elements, tag: int) -> tuple[float, ...]:
    """The numbers of an FL; () where there are none, or its length is none of whole numbers."""
    value = item.get(tag)
    if not isinstance(value, bytes) or len(value) % 4:
        return ()
    return unpack_from(f"<{len(value) // 4}f", value)


def double(item: Elements, tag: int) -> float | None:
    """The number of an FD; None where there is none, or it is not finite."""
    value = item.get(tag)
    if not isinstance(value, bytes) or len(value) < 8:
        return None
    (found,) = unpack_from("<d", value)
    return float(found) if math.isfinite(found) else None


def items(item: Elements, tag: int) -> list[Elements]:
    """The items of a sequence; [] where it is absent."""
    value = item.get(tag)
    return value if isinstance(value, list) else []
