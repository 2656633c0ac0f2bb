"""What every listed object of radiotherapy says: where it is, and what it calls itself."""

from __future__ import annotations

import msgspec

from longitudinal.dicom.dates import read_date, read_time
from longitudinal.patients.related_objects import RelatedObject


class ListedObject(msgspec.Struct, rename="camel", frozen=True):
    """Where an object is, and what it calls itself."""

    sop_instance_uid: str
    series_instance_uid: str
    study_instance_uid: str
    study_date: str
    label: str


def head_of(each: RelatedObject) -> tuple[str, str, str, str, str]:
    """The fields of `ListedObject`."""
    return each.sop_instance_uid, each.series_instance_uid, each.study_instance_uid, each.date, each.label


def moment_of(date: str, time: str) -> str | None:
    """A DA and a TM as YYYY-MM-DDTHH:MM:SS; the day alone where the time is not readable; None without a day.

    >>> moment_of("20240102", "1330"), moment_of("20240102", ""), moment_of("", "1330")
    ('2024-01-02T13:30:00', '2024-01-02', None)
    """
    day, clock = read_date(date), read_time(time)
    if day is None:
        return None
    return day.isoformat() if clock is None else f"{day.isoformat()}T{clock.isoformat('seconds')}"
