"""The contents and the change log of the archive, as a protocol; `host` implements it with in-process reads."""

from collections.abc import Mapping
from typing import Protocol

import msgspec


class ArchivedStudy(msgspec.Struct, frozen=True):
    """A study as the archive lists it.

    Attributes
    ----------
    patient
        Orthanc id of its patient.
    series
        Orthanc ids of its series.
    tags
        Attributes of study and patient that the archive keeps, by DICOM keyword.
    """

    orthanc_id: str
    patient: str
    series: tuple[str, ...]
    tags: Mapping[str, str]


class Change(msgspec.Struct, frozen=True):
    """One line of the archive's change log; `date` is UTC, as YYYYMMDDTHHMMSS."""

    sequence: int
    kind: str
    orthanc_id: str
    date: str = ""


class ChangePage(msgspec.Struct, frozen=True):
    """Consecutive lines of the change log; `is_last` if there were no more at that moment."""

    changes: tuple[Change, ...]
    last: int
    is_last: bool


class Inventory(Protocol):
    """The lists of the archive. Every call is short: a page, one study, one series."""

    def changes(self, since: int, limit: int) -> ChangePage:
        """The changes after a sequence number. Deletes are not logged, and remove the lines of the deleted instances."""

    def last_change(self) -> int:
        """The sequence number of the newest change, 0 when there is none."""

    def is_ordered(self) -> bool:
        """Whether lines of the change log appear in the order of their numbers: not where several nodes write it."""

    def studies(self, since: int, limit: int) -> list[str]:
        """Orthanc ids of studies, from an offset. Deletes shift the studies that follow."""

    def study(self, orthanc_id: str) -> ArchivedStudy:
        """One study. Raises KeyError where it is gone."""

    def instances(self, series: str) -> list[str]:
        """Orthanc ids of the instances of a series; empty where it is gone."""

    def last_update(self, series: str) -> str:
        """When something was last stored in a series (UTC, YYYYMMDDTHHMMSS); "" where that is not known or it is gone."""

    def tags(self, orthanc_id: str) -> str:
        """The tags of an instance in Orthanc's short JSON, as Orthanc reads them. Raises KeyError where it is gone."""
