"""Treatment records and RT images: when, which fraction (PS3.3 C.8.8.16 to C.8.8.23, C.8.8.2)."""

from __future__ import annotations

from typing import Final

import msgspec

from longitudinal.dicom.related.elements import Elements
from longitudinal.dicom.related.values import Reader, code, integer, items

_DATE, _TIME, _FIRST, _LAST, _STATUS = 0x3008_0250, 0x3008_0251, 0x3008_0054, 0x3008_0056, 0x3008_0200
_SESSIONS: Final = (0x3008_0020, 0x3008_0110, 0x3008_0021)  # beams, brachytherapy, ion beams
_FRACTION, _IMAGE_LABEL = 0x3008_0022, 0x3002_0002

RECORD_TAGS: Final = frozenset({_DATE, _TIME, _FIRST, _LAST, _STATUS, *_SESSIONS, _FRACTION, _IMAGE_LABEL})


class Record(msgspec.Struct, frozen=True, rename="camel"):
    """A treatment, or a summary of several; dates as DICOM writes them."""

    date: str
    time: str
    first_date: str
    last_date: str
    status: str
    fraction_number: int | None


class RtImage(msgspec.Struct, frozen=True, rename="camel"):
    """A picture taken with the treatment beam, or made to be compared with it."""

    label: str


def read_record(root: Elements) -> Record:
    """Read a record; what is absent is ""."""
    fractions = (integer(item, _FRACTION) for tag in _SESSIONS for item in items(root, tag))
    return Record(
        date=code(root, _DATE),
        time=code(root, _TIME),
        first_date=code(root, _FIRST),
        last_date=code(root, _LAST),
        status=code(root, _STATUS),
        fraction_number=next((fraction for fraction in fractions if fraction is not None), None),
    )


def read_rt_image(root: Elements, reader: Reader) -> RtImage:
    """Read the label of an RT Image."""
    return RtImage(reader.text(root, _IMAGE_LABEL))
