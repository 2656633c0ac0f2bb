"""The values of elements as files have them, without pydicom: text, and what is written as text."""

from __future__ import annotations

from typing import Literal

from longitudinal.dicom.character_sets import CharacterSet
from longitudinal.dicom.whole_library import load_pydicom

PADDING = " \0\t\r\n"
"""What surrounds values and means nothing."""

TEXT = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
"""VRs in the character set of the object (PS3.5 6.1.2.3)."""

_WRITTEN_AS_ASCII = frozenset({"AE", "AS", "CS", "DA", "DS", "DT", "IS", "TM", "UI"})
_WORD, _WORD_BYTES = frozenset({"US", "SS"}), 2
"""Rows, Columns and their like, of which every header has some: pydicom takes twenty times as long to read one."""


def written_value(
    vr: str, value: bytes, characters: CharacterSet, is_little_endian: bool = True
) -> str | None:
    """Give a raw value in Orthanc's short form; None of a VR that is left to pydicom.

    >>> from longitudinal.dicom.character_sets import LATIN_1
    >>> written_value("DS", b"0.50 ", LATIN_1), written_value("US", bytes([1, 2]), LATIN_1)
    ('0.50', '513')
    """
    if vr in _WRITTEN_AS_ASCII:
        return value.decode("latin-1").strip(PADDING)  # as written: pydicom raises on malformed numbers
    if vr in TEXT:
        return characters.decode(value, is_name=vr == "PN").strip(PADDING)
    if vr in _WORD and len(value) == _WORD_BYTES:
        order: Literal["little", "big"] = "little" if is_little_endian else "big"
        return str(int.from_bytes(value, order, signed=vr == "SS"))
    return None


def vr_of(tag: int, stated: str | None) -> str | None:
    """The VR of an element, also where the file states none; None if nobody knows it.

    >>> vr_of(0x00280010, "US"), vr_of(0x00280010, None), vr_of(0x00190010, "UN")
    ('US', 'US', None)
    """
    if stated is not None and stated != "UN":
        return stated
    load_pydicom()
    from pydicom.datadict import dictionary_VR  # late: most files state every VR

    try:
        return dictionary_VR(tag)
    except KeyError:
        return None
