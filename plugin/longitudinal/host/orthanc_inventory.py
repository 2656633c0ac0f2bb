"""The lists of the archive and its change log, read in Orthanc's own process."""

import json
from typing import Any

import msgspec
import orthanc

from longitudinal.dicom.dates import plain_date
from longitudinal.dicom.tag_names import READ_TAGS
from longitudinal.ingest.inventory import ArchivedStudy, Change, ChangePage

# Values of more than 256 characters are null unless asked for, and a dose grid of 150 planes has one.
_WHOLE = ",".join(sorted(tag.replace(",", "-") for tag in READ_TAGS))
_DATES = ("StudyDate", "PatientBirthDate")


class _Line(msgspec.Struct, frozen=True):
    """A line of the change log, under Orthanc's own names."""

    Seq: int
    ChangeType: str
    ID: str
    Date: str


class _Page(msgspec.Struct, frozen=True):
    """A page of the change log, under Orthanc's own names."""

    Changes: list[_Line]
    Last: int
    Done: bool


_PAGE = msgspec.json.Decoder(_Page, strict=False)


class OrthancInventory:
    """Implements `longitudinal.ingest.inventory.Inventory`."""

    def __init__(self) -> None:
        self._is_ordered: bool | None = None

    def changes(self, since: int, limit: int) -> ChangePage:
        """A page of /changes."""
        page = _PAGE.decode(orthanc.RestApiGet(f"/changes?since={since}&limit={limit}"))
        changes = tuple([Change(line.Seq, line.ChangeType, line.ID, line.Date) for line in page.Changes])
        return ChangePage(changes, page.Last, page.Done)

    def last_change(self) -> int:
        """The newest sequence number."""
        return int(json.loads(orthanc.RestApiGet("/changes?last"))["Last"])

    def is_ordered(self) -> bool:
        """SQLite numbers a line and commits it under one lock; a database of a plugin may be another node's as well."""
        if self._is_ordered is None:
            system = json.loads(orthanc.RestApiGet("/system"))
            self._is_ordered = system.get("DatabaseBackendPlugin", "unknown") is None
        return self._is_ordered

    def studies(self, since: int, limit: int) -> list[str]:
        """A page of study ids."""
        page: list[str] = json.loads(orthanc.RestApiGet(f"/studies?since={since}&limit={limit}"))
        return page

    def resources(self, level: str, since: int, limit: int) -> list[str]:
        """A page of the ids of a level, "patients" or "studies"."""
        page: list[str] = json.loads(orthanc.RestApiGet(f"/{level}?since={since}&limit={limit}"))
        return page

    def study(self, orthanc_id: str) -> ArchivedStudy:
        """One study with the tags of its patient; dates as the index keeps them."""
        found = _get(f"/studies/{orthanc_id}", orthanc_id)
        tags = found["PatientMainDicomTags"] | found["MainDicomTags"]
        tags |= {name: plain_date(tags[name]) for name in _DATES if name in tags}
        return ArchivedStudy(orthanc_id, found["ParentPatient"], tuple(found["Series"]), tags)

    def instances(self, series: str) -> list[str]:
        """The instances of one series."""
        try:
            return list(_get(f"/series/{series}", series)["Instances"])
        except KeyError:
            return []

    def last_update(self, series: str) -> str:
        """The LastUpdate of one series; a delete leaves it as it is."""
        try:
            return str(orthanc.RestApiGet(f"/series/{series}/metadata/LastUpdate"), "utf-8")
        except orthanc.OrthancException:
            return ""

    def tags(self, orthanc_id: str) -> str:
        """The tags of one instance."""
        try:
            return str(
                orthanc.RestApiGet(f"/instances/{orthanc_id}/tags?short&ignore-length={_WHOLE}"), "utf-8"
            )
        except orthanc.OrthancException:
            raise KeyError(orthanc_id) from None


def _get(path: str, orthanc_id: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(orthanc.RestApiGet(path))
    except orthanc.OrthancException:
        raise KeyError(orthanc_id) from None
    return found
