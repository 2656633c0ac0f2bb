"""The wanted elements at the top of a DICOM file, raw, without building all the others: a walk over tags and lengths.

pydicom makes an object of every element of a file, which is most of the time it takes to index an old archive. What is
unusual here (a wanted sequence, another byte order, no preamble, anything cut off or mislabelled) is left to pydicom.
"""

from __future__ import annotations

import struct
from collections.abc import Container

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

_PREAMBLE = 132
_TRANSFER_SYNTAX = 0x00020010
_IMPLICIT = b"1.2.840.10008.1.2"
# PS3.5 A.3, A.5: big endian, deflated, and deflated by reference.
_OTHERS = (b"1.2.840.10008.1.2.2", b"1.2.840.10008.1.2.1.99", b"1.2.840.10008.1.2.4.95")
_LONG = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
"""Their length has 32 bits (PS3.5 7.1.2)."""
_PIXELS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_UNDEFINED = 0xFFFFFFFF
_TAG = struct.Struct("<HH").unpack_from
_SHORT_LENGTH = struct.Struct("<H").unpack_from
_LENGTH = struct.Struct("<I").unpack_from


class _Unusual(Exception):
    """pydicom must read this file."""


def read_elements(file: bytes, wanted: Container[int]) -> Dataset | None:
    """Read the elements up to the pixels that are wanted; None where pydicom has to read the file.

    Parameters
    ----------
    file
        A whole file, or its beginning up to the pixels and a few bytes beyond.
    wanted
        Tags as integers.
    """
    try:
        start, syntax = _read_meta(file)
        if syntax in _OTHERS:
            return None
        return Dataset(_Walk(file, syntax == _IMPLICIT).collect(start, wanted))
    except (_Unusual, struct.error, RecursionError):  # struct.error: the file ends inside an element
        return None


def _read_meta(file: bytes) -> tuple[int, bytes]:
    """Where the dataset begins, and its transfer syntax. The meta information is always explicit little endian."""
    if file[_PREAMBLE - 4 : _PREAMBLE] != b"DICM":
        raise _Unusual
    walk, at, syntax = _Walk(file, is_implicit=False), _PREAMBLE, b""
    while _TAG(file, at)[0] == 2:
        tag, _, value, length = walk.element(at)
        at = value + length
        if tag == _TRANSFER_SYNTAX:
            syntax = file[value:at].rstrip(b"\0 ")
    if not syntax:
        raise _Unusual
    return at, syntax


class _Walk:
    """Over the elements of one file."""

    def __init__(self, file: bytes, is_implicit: bool) -> None:
        self._file = file
        self._is_implicit = is_implicit

    def collect(self, at: int, wanted: Container[int]) -> dict[BaseTag, DataElement | RawDataElement]:
        """The wanted elements from a place up to the pixels or the end."""
        file, end = self._file, len(self._file)
        found: dict[BaseTag, DataElement | RawDataElement] = {}
        while at < end:
            tag, vr, value, length = self.element(at)
            if tag in _PIXELS:
                return found
            if length == _UNDEFINED:
                if vr != b"SQ" or tag in wanted:
                    raise _Unusual
                at = self._skip_items(value)
                continue
            at = value + length
            if at > end or tag >= _ITEM:
                raise _Unusual
            if tag in wanted:
                if vr == b"SQ":
                    raise _Unusual
                key = BaseTag(tag)
                name = None if vr is None else vr.decode()
                found[key] = RawDataElement(key, name, length, file[value:at], value, self._is_implicit, True)
        return found

    def element(self, at: int) -> tuple[int, bytes | None, int, int]:
        """Tag, VR (None where the syntax has none), where the value begins, and how many bytes it has."""
        file = self._file
        group, number = _TAG(file, at)
        tag, vr = group << 16 | number, file[at + 4 : at + 6]
        is_named = vr.isalpha() and vr.isupper()
        if group == 0xFFFE or self._is_implicit:
            if is_named and group != 0xFFFE:  # explicit in truth, or just a length that looks so
                raise _Unusual
            return tag, None, at + 8, _LENGTH(file, at + 4)[0]
        if not is_named:
            raise _Unusual
        if vr in _LONG:
            return tag, vr, at + 12, _LENGTH(file, at + 8)[0]
        return tag, vr, at + 8, _SHORT_LENGTH(file, at + 6)[0]

    def _skip_items(self, at: int) -> int:
        """Where a sequence of undefined length ends (PS3.5 7.5)."""
        while True:
            tag, _, value, length = self.element(at)
            if tag == _SEQUENCE_END:
                return value
            if tag != _ITEM:
                raise _Unusual
            at = self._skip_elements(value) if length == _UNDEFINED else value + length

    def _skip_elements(self, at: int) -> int:
        """Where an item of undefined length ends."""
        while True:
            tag, vr, value, length = self.element(at)
            if tag == _ITEM_END:
                return value
            if length != _UNDEFINED:
                at = value + length
            elif vr == b"SQ":
                at = self._skip_items(value)
            else:
                raise _Unusual
