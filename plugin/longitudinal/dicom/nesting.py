"""How deep the sequences of a DICOM file are nested (PS3.5 7.5), without recursion and without reading values.

Orthanc reads a file that comes by HTTP on a stack of 100 KB, and ends when its sequences are nested some 45 levels deep.
"""

import struct
import zlib

import msgspec

MOST_LEVELS = 32
"""Deeper than any object of the standard's; the deepest are structured reports of a dozen levels."""

_PREAMBLE = 128
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_UNDEFINED = 0xFFFFFFFF
# Explicit VRs with a length of 4 bytes (PS3.5 7.1.2); all others have one of 2.
_LONG = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
_IMPLICIT, _DEFLATED, _BIG = b"1.2.840.10008.1.2", b"1.2.840.10008.1.2.1.99", b"1.2.840.10008.1.2.2"
_LARGEST_DEFLATED = 256 * 1024 * 1024


class _Open(msgspec.Struct):
    """A sequence or an item that was begun; `end` is None where its length is not stated."""

    is_sequence: bool
    end: int | None
    is_implicit: bool


def is_too_deep(file: bytes, most: int = MOST_LEVELS) -> bool:
    """Whether sequences are nested more than `most` levels deep.

    Of a file that is cut off, or is not DICOM, the part that can be read counts.
    """
    start, syntax = _dataset(file)
    is_big, is_implicit = syntax == _BIG, syntax == _IMPLICIT
    if syntax == _DEFLATED:
        file, start = _inflate(file[start:]), 0
    # Each level begins with an item: where there are few, none need be looked for.
    if file.count(struct.pack(">HH" if is_big else "<HH", 0xFFFE, 0xE000)) <= most:
        return False
    return _Walk(file, start, is_big=is_big, is_implicit=is_implicit).goes_below(most)


def _dataset(file: bytes) -> tuple[int, bytes]:
    """Where the dataset begins, and its transfer syntax; a file without file meta information is implicit."""
    at = _PREAMBLE + 4 if file[_PREAMBLE : _PREAMBLE + 4] == b"DICM" else 0
    syntax = b"" if at or file[:2] == b"\x02\x00" else _IMPLICIT
    while file[at : at + 2] == b"\x02\x00" and len(file) >= at + 12:
        is_long = file[at + 4 : at + 6] in _LONG
        (length,) = struct.unpack_from("<I" if is_long else "<H", file, at + 8 if is_long else at + 6)
        value = at + (12 if is_long else 8)
        if file[at + 2 : at + 4] == b"\x10\x00":
            syntax = file[value : value + length].rstrip(b"\0 ")
        at = value + length
    return at, syntax


def _inflate(packed: bytes) -> bytes:
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, _LARGEST_DEFLATED)
    except zlib.error:
        return b""


class _Walk:
    """Goes from element to element."""

    def __init__(self, file: bytes, start: int, *, is_big: bool, is_implicit: bool) -> None:
        self._file = file
        self._at = start
        self._pair, self._long, self._short = (
            struct.Struct(f"{'>' if is_big else '<'}{form}") for form in ("HH", "I", "H")
        )
        self._is_implicit = is_implicit
        self._open: list[_Open] = []
        self._depth = 0

    def goes_below(self, most: int) -> bool:
        """Whether more than so many sequences are open at once anywhere."""
        while self._at + 8 <= len(self._file):
            while self._open and self._open[-1].end is not None and self._at >= self._open[-1].end:
                self._close()
            self._step()
            if self._depth > most:
                return True
        return False

    def _step(self) -> None:
        group, element = self._pair.unpack_from(self._file, self._at)
        tag = group << 16 | element
        if group == _ITEM >> 16:
            (length,) = self._long.unpack_from(self._file, self._at + 4)
            self._at += 8
            if tag == _ITEM:
                self._begin(length, is_sequence=False)
            elif tag == _ITEM_END:
                self._close_to(is_sequence=False)
            elif tag == _SEQUENCE_END:
                self._close_to(is_sequence=True)
            return
        vr, length = self._head()
        holds_items = self._begins_with_item()
        if vr == b"SQ" or (holds_items and vr in (None, b"UN")):
            self._begin(length, is_sequence=True, is_implicit=vr == b"UN")
        elif length == _UNDEFINED:
            self._skip_fragments()
        else:
            self._at += length

    def _head(self) -> tuple[bytes | None, int]:
        """VR and length of an element; its value begins at the position reached then."""
        at = self._at
        is_implicit = self._open[-1].is_implicit if self._open else self._is_implicit
        if is_implicit:
            self._at += 8
            return None, int(self._long.unpack_from(self._file, at + 4)[0])
        vr = self._file[at + 4 : at + 6]
        if vr not in _LONG:
            self._at += 8
            return vr, int(self._short.unpack_from(self._file, at + 6)[0])
        self._at += 12
        return vr, int(self._long.unpack_from(self._file.ljust(at + 12, b"\0"), at + 8)[0])

    def _begins_with_item(self) -> bool:
        head = self._file[self._at : self._at + 4]
        return len(head) == 4 and self._pair.unpack(head) == (_ITEM >> 16, _ITEM & 0xFFFF)

    def _begin(self, length: int, *, is_sequence: bool, is_implicit: bool = False) -> None:
        inherited = self._open[-1].is_implicit if self._open else self._is_implicit
        end = None if length == _UNDEFINED else self._at + length
        self._open.append(_Open(is_sequence, end, inherited or is_implicit))
        self._depth += is_sequence

    def _close(self) -> None:
        self._depth -= self._open.pop().is_sequence

    def _close_to(self, *, is_sequence: bool) -> None:
        """Close what is open down to the last sequence, or item; nothing where there is none."""
        if any(each.is_sequence == is_sequence for each in self._open):
            while self._open[-1].is_sequence != is_sequence:
                self._close()
            self._close()

    def _skip_fragments(self) -> None:
        """Past compressed pixels (PS3.5 A.4)."""
        while self._at + 8 <= len(self._file) and self._begins_with_item():
            self._at += 8 + int(self._long.unpack_from(self._file, self._at + 4)[0])
        self._at += 8
