"""The lists of the archive and its change log, read in Orthanc's own process."""

import json
from typing import Any

import orthanc

from longitudinal.dicom.dates import plain_date
from longitudinal.dicom.tag_names import READ_TAGS
from longitudinal.ingest.inventory import ArchivedStudy, Change, ChangePage

# Values of more than 256 characters are null unless asked for, and a dose grid of 150 planes has one.
_WHOLE = ",".join(sorted(tag.replace(",", "-") for tag in READ_TAGS))
_DATES = ("StudyDate", "PatientBirthDate")


class OrthancInventory:
    """Implements `longitudinal.ingest.inventory.Inventory`."""

    def changes(self, since: int, limit: int) -> ChangePage:
        """A page of /changes."""
        page = json.loads(orthanc.RestApiGet(f"/changes?since={since}&limit={limit}"))
        changes = tuple(Change(int(x["Seq"]), x["ChangeType"], x["ID"], x["Date"]) for x in page["Changes"])
        return ChangePage(changes, int(page["Last"]), bool(page["Done"]))

    def last_change(self) -> int:
        """The newest sequence number."""
        return int(json.loads(orthanc.RestApiGet("/changes?last"))["Last"])

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
