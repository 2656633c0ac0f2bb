"""The elements of a DICOM file that somebody asks for, found without decoding the others.

pydicom makes an object of every element and reads every sequence of undefined length at once: 300 ms for a structure set
of 3 MB. Here whatever is not wanted is skipped by its length, and values stay bytes until somebody reads them.
"""

from __future__ import annotations

import mmap
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from struct import Struct, error
from typing import Final

from longitudinal.dicom.keywords import sequences
from longitudinal.dicom.whole_library import load_pydicom

Buffer = bytes | mmap.mmap
Elements = dict[int, "bytes | list[Elements]"]
"""Tag -> value as written, or the items of a sequence."""

_LONG: Final = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
_ITEM, _ITEM_ENDS, _SEQUENCE_ENDS = 0xFFFE_E000, 0xFFFE_E00D, 0xFFFE_E0DD
_UNDEFINED: Final = 0xFFFF_FFFF
_FIRST_PIXELS: Final = 0x7FE0_0000
_PIXEL_DATA: Final = 0x7FE0_0010
_TRANSFER_SYNTAX: Final = 0x0002_0010
_PREAMBLE: Final = 132
_META_GROUP: Final = 2
# PS3.3 nests 10 levels at most, apart from content items of reports; more can only be meant to do harm.
_DEEPEST: Final = 32
# A short sequence that stands in a file again and again is read once: nobody changes what was read.
_LONGEST_REPEATED: Final = 512
_MOST_INFLATED: Final = 256 * 1024 * 1024
_IMPLICIT, _DEFLATED, _BIG_ENDIAN = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"
"""Transfer syntaxes (PS3.5 A): the elements of the first do not state their VR."""

_EXPLICIT_HEADER = Struct("<HH2sH")
_IMPLICIT_HEADER = Struct("<HHL")
_LENGTH = Struct("<L")


class DamagedFile(ValueError):
    """The file is not what its own lengths say."""


@contextmanager
def opened(path: str) -> Iterator[Buffer]:
    """The bytes of a file, read as far as somebody looks at them. Raises OSError."""
    with open(path, "rb") as file:
        if not file.seek(0, 2):
            yield b""
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            yield mapped


class ElementReader:
    """Reads wanted elements of one file.

    Parameters
    ----------
    data
        The whole file, in any transfer syntax.

    Raises
    ------
    DamagedFile
        It cannot be read at all.
    """

    def __init__(self, data: Buffer) -> None:
        self.data, self.start, self.is_explicit = _little_endian(data)

    def read(
        self,
        wanted: frozenset[int],
        closed: frozenset[int] = frozenset(),
        start: int | None = None,
        end: int | None = None,
    ) -> Elements:
        """The wanted elements at any depth, up to the pixels, and every sequence that holds some or is wanted.

        Parameters
        ----------
        closed
            Sequences that are not looked into.
        start, end
            The part of the file to read; all of it by default.

        Raises
        ------
        DamagedFile
        """
        walk = _Walk(self.data, wanted, closed, len(self.data) if end is None else end)
        try:
            return walk.elements(
                self.start if start is None else start, walk.limit, self.is_explicit, 0, is_item=False
            )[0]
        except (error, IndexError) as damage:
            raise DamagedFile(f"the file ends before its elements do: {damage}") from None

    def pixels(self) -> bytes | None:
        """The value of Pixel Data (7FE0,0010) where it is not compressed; None where there is none, or it is.

        Raises
        ------
        DamagedFile
        """
        walk = _Walk(self.data, frozenset(), frozenset(), len(self.data))
        try:
            walk.elements(self.start, walk.limit, self.is_explicit, 0, is_item=False)
        except (error, IndexError) as damage:
            raise DamagedFile(f"the file ends before its elements do: {damage}") from None
        if walk.pixels is None or walk.pixels[1] == _UNDEFINED:
            return None
        start, length = walk.pixels
        if start + length > len(self.data):
            raise DamagedFile("the file ends within its pixels")
        return self.data[start : start + length]


class _Walk:
    """One pass over elements; `limit` is where they end at the latest."""

    def __init__(self, data: Buffer, wanted: frozenset[int], closed: frozenset[int], limit: int) -> None:
        self.data, self.wanted, self.closed, self.limit = data, wanted, closed, limit
        self.sequences = sequences()  # implicit VR does not say which elements are sequences
        self.pixels: tuple[int, int] | None = None
        self.repeated: dict[tuple[bool, int, bytes], list[Elements]] = {}

    def elements(
        self, position: int, end: int, explicit: bool, depth: int, *, is_item: bool
    ) -> tuple[Elements, int]:
        """The wanted elements from a position on, and where they end."""
        if depth > _DEEPEST:
            raise DamagedFile(f"sequences are nested more than {_DEEPEST} levels deep")
        found: Elements = {}
        data, wanted, sequences = self.data, self.wanted, self.sequences
        explicit_header, implicit_header = _EXPLICIT_HEADER.unpack_from, _IMPLICIT_HEADER.unpack_from
        while position + 8 <= end:
            vr = b""
            if explicit:
                group, element, vr, length = explicit_header(data, position)
                tag, position = group << 16 | element, position + 8
                if group == 0xFFFE:
                    length = _LENGTH.unpack_from(data, position - 4)[0]
                elif vr == b"SQ" or vr in _LONG:
                    length = _LENGTH.unpack_from(data, position)[0]
                    position += 4
            else:
                group, element, length = implicit_header(data, position)
                tag, position = group << 16 | element, position + 8
            if tag == _ITEM_ENDS and is_item:
                return found, position
            if tag >= _FIRST_PIXELS and not depth:
                self.pixels = (position, length) if tag == _PIXEL_DATA else None
                break
            if vr == b"SQ" or length == _UNDEFINED or (tag in sequences and vr in (b"", b"UN")):
                items, position = self._sequence(tag, position, length, explicit and vr != b"UN", depth)
                if (items and tag in sequences and any(items)) or tag in wanted:
                    found[tag] = items
                continue
            if position + length > end:
                raise DamagedFile(
                    f"element {tag:08x} ends {position + length - end} bytes after the file or item"
                )
            if tag in wanted:
                found[tag] = data[position : position + length]
            position += length
        return found, position

    def _sequence(
        self, tag: int, position: int, length: int, explicit: bool, depth: int
    ) -> tuple[list[Elements], int]:
        end = self.limit if length == _UNDEFINED else position + length
        if end > self.limit:
            raise DamagedFile(f"sequence {tag:08x} ends after the file")
        if length != _UNDEFINED and tag in self.closed:
            return [], end
        if depth and length <= _LONGEST_REPEATED:
            # thousands of contours name some hundreds of images
            known = explicit, tag, self.data[position:end]
            if known not in self.repeated:
                self.repeated[known] = self._items(tag, position, length, end, explicit, depth)[0]
            return self.repeated[known], end
        return self._items(tag, position, length, end, explicit, depth)

    def _items(
        self, tag: int, position: int, length: int, end: int, explicit: bool, depth: int
    ) -> tuple[list[Elements], int]:
        items: list[Elements] = []
        while position + 8 <= end:
            group, element, size = _IMPLICIT_HEADER.unpack_from(self.data, position)
            marker, position = group << 16 | element, position + 8
            if marker == _SEQUENCE_ENDS:
                return items, position
            if marker != _ITEM:
                raise DamagedFile(f"sequence {tag:08x} holds something that is no item")
            item_end = end if size == _UNDEFINED else position + size
            if item_end > end:
                raise DamagedFile(f"an item of sequence {tag:08x} ends after it")
            item, position = self.elements(
                position, item_end, explicit, depth + 1, is_item=size == _UNDEFINED
            )
            if size != _UNDEFINED:
                position = item_end
            items.append(item)
        if length == _UNDEFINED:
            raise DamagedFile(f"sequence {tag:08x} does not end")
        return items, end


def _little_endian(data: Buffer) -> tuple[Buffer, int, bool]:
    """The file with its elements in little endian, where they begin, and whether they state their VR."""
    if data[128:_PREAMBLE] != b"DICM":
        return _rewritten(data)
    position, syntax = _PREAMBLE, ""
    while position + 12 <= len(data):
        group, element, vr, length = _EXPLICIT_HEADER.unpack_from(data, position)
        if group != _META_GROUP:
            break
        start = position + 8
        if vr in _LONG:
            length, start = _LENGTH.unpack_from(data, start)[0], start + 4
        if group << 16 | element == _TRANSFER_SYNTAX:
            syntax = data[start : start + length].decode("latin-1").strip(" \0")
        position = start + length
    if syntax == _DEFLATED:
        return _inflated(bytes(data[position:])), 0, True
    if not syntax or syntax == _BIG_ENDIAN:
        return _rewritten(data)
    return data, position, syntax != _IMPLICIT


def _inflated(data: bytes) -> bytes:
    try:
        found = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, _MOST_INFLATED)
    except zlib.error as damage:
        raise DamagedFile(f"the deflated elements cannot be read: {damage}") from None
    if len(found) >= _MOST_INFLATED:
        raise DamagedFile("the deflated elements are larger than any object of their kind")
    return found


def _rewritten(data: Buffer) -> tuple[Buffer, int, bool]:
    """Without preamble, or big endian: as pydicom reads it."""
    load_pydicom()
    import pydicom  # late: few files need it, and a start of Orthanc does not

    try:
        dataset = pydicom.dcmread(BytesIO(bytes(data)), force=True, stop_before_pixels=True)
        dataset.remove_private_tags()
        for _ in dataset.iterall():
            pass  # every value is decoded, or its bytes would be written in the order they were read in
        plain = pydicom.Dataset()  # without the file meta information, which names the old syntax
        plain.update({element.tag: element for element in dataset if element.tag.group > _META_GROUP})
        written = BytesIO()
        pydicom.dcmwrite(written, plain, implicit_vr=False, little_endian=True)
    except Exception as damage:  # pydicom raises what it likes on a damaged file
        raise DamagedFile(f"the file cannot be read: {damage}") from None
    return written.getvalue(), 0, True
