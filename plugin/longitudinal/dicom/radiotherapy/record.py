"""Treatment records and RT images: when, which fraction, which beams (PS3.3 C.8.8.2, C.8.8.16 to C.8.8.23, C.8.8.26)."""

from __future__ import annotations

from typing import Final

import msgspec

from longitudinal.dicom.dates import dashed_date
from longitudinal.dicom.related.elements import Elements
from longitudinal.dicom.related.values import Reader, code, integer, items, number

_DATE, _TIME, _FIRST, _LAST, _STATUS = 0x3008_0250, 0x3008_0251, 0x3008_0054, 0x3008_0056, 0x3008_0200
_SESSIONS: Final = (0x3008_0020, 0x3008_0110, 0x3008_0021)  # beams, brachytherapy, ion beams
_FRACTION, _TERMINATION, _SPECIFIED, _DELIVERED = 0x3008_0022, 0x3008_002A, 0x3008_0032, 0x3008_0036
_SUMMARIES, _FRACTIONS_DELIVERED, _FRACTION_STATUS, _REFERENCED_FRACTION = (
    0x3008_0220, 0x3008_005A, 0x3008_0240, 0x3008_0223,
)  # fmt: skip
_GROUP, _PLANNED, _BEAM, _SETUP, _BEAM_NAME, _DELIVERY, _GANTRY = (
    0x300C_0022, 0x300A_0078, 0x300C_0006, 0x300A_0234, 0x300A_00C2, 0x300A_00CE, 0x300A_011E,
)  # fmt: skip
_IMAGE_LABEL, _IMAGE_FRACTION, _IMAGE_TYPE = 0x3002_0002, 0x3002_0029, 0x0008_0008
_ACQUISITION, _ACQUISITION_TIME, _CONTENT, _CONTENT_TIME = 0x0008_0022, 0x0008_0032, 0x0008_0023, 0x0008_0033
_MOST: Final = 1_000
"""Fractions of a summary, beams of a session; a real one has some dozens."""

RECORD_TAGS: Final = frozenset(
    {_DATE, _TIME, _FIRST, _LAST, _STATUS, *_SESSIONS, _FRACTION, _TERMINATION, _SPECIFIED, _DELIVERED, _SUMMARIES,
     _FRACTIONS_DELIVERED, _FRACTION_STATUS, _REFERENCED_FRACTION, _GROUP, _PLANNED, _BEAM, _SETUP, _BEAM_NAME, _DELIVERY}
)  # fmt: skip
IMAGE_TAGS: Final = frozenset(
    {_IMAGE_LABEL, _IMAGE_FRACTION, _IMAGE_TYPE, _ACQUISITION, _ACQUISITION_TIME, _CONTENT, _CONTENT_TIME, _BEAM, _GROUP,
     _GANTRY}
)  # fmt: skip


class DeliveredBeam(msgspec.Struct, frozen=True, rename="camel"):
    """One beam of a session, or one application setup of brachytherapy.

    `delivery` is TREATMENT, CONTINUATION, SETUP..., `termination` NORMAL, OPERATOR, MACHINE or UNKNOWN; metersets in the
    unit that the plan states.
    """

    number: int | None
    name: str
    fraction_number: int | None
    delivery: str
    termination: str
    specified_meterset: float | None
    delivered_meterset: float | None


class FractionSummary(msgspec.Struct, frozen=True, rename="camel"):
    """What a summary states of one fraction group: how many fractions were given of how many, and on which days."""

    number: int | None
    fractions_planned: int | None
    fractions_delivered: int | None
    dates: tuple[str, ...] = ()


class Record(msgspec.Struct, frozen=True, rename="camel"):
    """A treatment, or a summary of several; dates as DICOM writes them.

    `fraction_number` is the first that a beam of the session states; `fraction_group` the referenced group
    of the plan.
    """

    date: str
    time: str
    first_date: str
    last_date: str
    status: str
    fraction_number: int | None
    fraction_group: int | None = None
    fractions_planned: int | None = None
    beams: tuple[DeliveredBeam, ...] = ()
    summaries: tuple[FractionSummary, ...] = ()

    @property
    def days(self) -> list[str]:
        """Every day of treatment that is stated, YYYY-MM-DD, sorted."""
        summed = (day for summary in self.summaries for day in summary.dates)
        written = (self.date, self.first_date, self.last_date, *summed)
        return sorted({day for each in written if (day := dashed_date(each))})


class RtImage(msgspec.Struct, frozen=True, rename="camel"):
    """A picture taken with the treatment beam, or made to be compared with it.

    `kind` is the third value of Image Type: PORTAL, SIMULATOR, RADIOGRAPH, DRR (computed), FLUENCE... Dates and times as
    DICOM writes them, those of the acquisition, or of the content where no acquisition is stated (`is_acquired` false).
    """

    label: str
    kind: str = ""
    date: str = ""
    time: str = ""
    is_acquired: bool = False
    fraction_number: int | None = None
    fraction_group: int | None = None
    beam_number: int | None = None
    gantry_angle: float | None = None


def read_record(root: Elements, reader: Reader) -> Record:
    """Read a record; what is absent is "" or None."""
    beams = tuple(_beam(item, reader) for tag in _SESSIONS for item in items(root, tag)[:_MOST])
    return Record(
        date=code(root, _DATE),
        time=code(root, _TIME),
        first_date=code(root, _FIRST),
        last_date=code(root, _LAST),
        status=code(root, _STATUS),
        fraction_number=next((b.fraction_number for b in beams if b.fraction_number is not None), None),
        fraction_group=integer(root, _GROUP),
        fractions_planned=integer(root, _PLANNED),
        beams=beams,
        summaries=tuple(_summary(item) for item in items(root, _SUMMARIES)[:_MOST]),
    )


def _beam(item: Elements, reader: Reader) -> DeliveredBeam:
    named = integer(item, _BEAM)
    return DeliveredBeam(
        number=integer(item, _SETUP) if named is None else named,
        name=reader.text(item, _BEAM_NAME),
        fraction_number=integer(item, _FRACTION),
        delivery=code(item, _DELIVERY),
        termination=code(item, _TERMINATION),
        specified_meterset=number(item, _SPECIFIED),
        delivered_meterset=number(item, _DELIVERED),
    )


def _summary(item: Elements) -> FractionSummary:
    dates = {code(fraction, _DATE) for fraction in items(item, _FRACTION_STATUS)[:_MOST]}
    return FractionSummary(
        integer(item, _GROUP), integer(item, _PLANNED), integer(item, _FRACTIONS_DELIVERED), tuple(sorted(dates - {""}))
    )  # fmt: skip


def read_rt_image(root: Elements, reader: Reader) -> RtImage:
    """Read what an RT Image states about itself; what is absent is "" or None."""
    kinds = code(root, _IMAGE_TYPE).split("\\")
    acquired, made = code(root, _ACQUISITION), code(root, _CONTENT)
    return RtImage(
        label=reader.text(root, _IMAGE_LABEL),
        kind=kinds[2].strip() if len(kinds) > 2 else "",
        date=acquired or made,
        time=code(root, _ACQUISITION_TIME if acquired else _CONTENT_TIME),
        is_acquired=bool(acquired),
        fraction_number=integer(root, _IMAGE_FRACTION),
        fraction_group=integer(root, _GROUP),
        beam_number=integer(root, _BEAM),
        gantry_angle=number(root, _GANTRY),
    )
