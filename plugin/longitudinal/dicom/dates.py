"""DICOM dates and times (PS3.5 6.2: DA, TM, DT) to Python; an unreadable value is None, never a guess."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, timezone

_DATE = re.compile(r"(\d{4})([.]?)(\d\d)\2(\d\d)", re.ASCII)  # with dots: ACR-NEMA, still accepted by PS3.5
_TIME = re.compile(r"(\d\d)(?::?(\d\d)(?::?(\d\d)(?:[.](\d{1,9}))?)?)?")
_OFFSET = re.compile(r"([+-])(\d\d)(\d\d)")
_DATE_LENGTH = 8
_LAST_OFFSET = timedelta(hours=14)  # PS3.5 6.2, DT


def read_date(value: str) -> date | None:
    """Read a DA.

    >>> read_date("20240102")
    datetime.date(2024, 1, 2)
    """
    found = _DATE.fullmatch(value)
    if not found:
        return None
    try:
        return date(int(found[1]), int(found[3]), int(found[4]))
    except ValueError:
        return None


def plain_date(value: str) -> str:
    """The date of a DA as YYYYMMDD; "" if it is not a date. The form in which the index keeps and orders dates.

    >>> plain_date("2024.01.02"), plain_date("20243419")
    ('20240102', '')
    """
    day = read_date(value)
    return "" if day is None else f"{day:%Y%m%d}".rjust(_DATE_LENGTH, "0")


def dashed_date(value: str) -> str:
    """The date of a DA as YYYY-MM-DD; "" if it is not a date. The form of the API.

    >>> dashed_date("20240102")
    '2024-01-02'
    """
    day = read_date(value)
    return "" if day is None else day.isoformat()


def read_time(value: str) -> time | None:
    """Read a TM; missing minutes and seconds are zero.

    >>> read_time("1330")
    datetime.time(13, 30)
    """
    found = _TIME.fullmatch(value)
    if not found:
        return None
    microsecond = int((found[4] or "0").ljust(6, "0")[:6])
    second = min(int(found[3] or 0), 59)  # 60 is a leap second, which Python does not know
    try:
        return time(int(found[1]), int(found[2] or 0), second, microsecond)
    except ValueError:
        return None


def read_timezone(value: str) -> timezone | None:
    """Read a TimezoneOffsetFromUTC, ``+0100``."""
    found = _OFFSET.fullmatch(value)
    if not found:
        return None
    offset = timedelta(hours=int(found[2]), minutes=int(found[3]))
    if offset > _LAST_OFFSET or int(found[3]) > 59:
        return None
    return timezone(-offset if found[1] == "-" else offset)


def read_date_time(value: str, zone: timezone | None = None) -> datetime | None:
    """Read a DT with a whole date and at least the hour; its own offset takes precedence over ``zone``.

    >>> read_date_time("20240102133000.5+0100").isoformat()
    '2024-01-02T13:30:00.500000+01:00'
    """
    sign = max(value.rfind("+"), value.rfind("-"))
    if sign > 0:
        zone = read_timezone(value[sign:])
        value = value[:sign]
    length = _DATE_LENGTH + 2 * (value[4:5] == ".")
    day, clock = read_date(value[:length]), read_time(value[length:])
    return datetime.combine(day, clock, zone) if day and clock else None


def posix_seconds(moment: datetime) -> float:
    """Seconds since 1970; a moment without offset counts as UTC, which keeps the order within one series."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
