"""Where the files of many instances lie, as Orthanc lists them: one question a series where it can answer that.

Orthanc 1.12.7 goes through all its instances for each question about one of them (its index of ids is there, but SQLite
takes the one of kinds): 40 us with 200 instances, 1,100 with 12,000, and 70 at least while others store. A list of a series
takes as long once, and 10 us for each instance.
"""

import json
from collections.abc import Callable, Iterator, Sequence

import msgspec
import orthanc

from longitudinal.archive import StoredFile

# For fewer of a series each one is asked for: a list takes as long as about six of them.
_FEWEST = 8
# After a list of fewer than that so many are asked for one by one, and as many more after each further one in a row: the
# first series of a study often has a scout or two, and that of others hundreds of images.
_ALONE = 16
# Beyond this the places in all series are forgotten: then a series is listed from its beginning once more.
_MOST_SERIES = 200
_DICOM = 1


class Attachment(msgspec.Struct, frozen=True):
    """What Orthanc says of a stored file, under Orthanc's own names; sizes are numbers or texts, by its version."""

    Uuid: str
    CompressedSize: int
    UncompressedSize: int
    ContentType: int = _DICOM

    @property
    def is_plain(self) -> bool:
        """Whether it is stored as it is, as far as Orthanc knows."""
        return self.CompressedSize == self.UncompressedSize


class _Child(msgspec.Struct, frozen=True):
    ParentSeries: str


class _Listed(msgspec.Struct, frozen=True):
    ID: str
    Attachments: list[Attachment]


# Not strict: some versions write sizes as texts.
ATTACHMENT = msgspec.json.Decoder(Attachment, strict=False)
_CHILD = msgspec.json.Decoder(_Child)
_LIST = msgspec.json.Decoder(list[_Listed], strict=False)


class ListedFiles:
    """Asks where files lie; for any thread.

    Parameters
    ----------
    path
        Where Orthanc itself keeps the file of a UUID.
    """

    def __init__(self, path: Callable[[str], str]) -> None:
        self._path = path
        self._lists_series: bool | None = None
        # How many of a series were stored before those that were asked for last: what is asked for next was stored later.
        # It only saves time: where it is wrong, the series is listed from its beginning.
        self._before: dict[str, int] = {}

    def one(self, orthanc_id: str) -> StoredFile:
        """The file of one instance. Raises KeyError where it is gone."""
        try:
            return self._file(
                ATTACHMENT.decode(orthanc.RestApiGet(f"/instances/{orthanc_id}/attachments/dicom/info"))
            )
        except orthanc.OrthancException:
            raise KeyError(orthanc_id) from None

    def many(self, orthanc_ids: Sequence[str]) -> Iterator[StoredFile | None]:
        """The files of instances in order, asked for as late as possible; None for what is gone."""
        found: dict[str, StoredFile] = {}
        wanted = frozenset(orthanc_ids)
        can_list = len(wanted) >= _FEWEST and self._can_list()
        vain = alone = 0
        for orthanc_id in orthanc_ids:
            if can_list and not alone and orthanc_id not in found:
                beside = self._beside(orthanc_id, wanted)
                found |= beside
                vain = 0 if orthanc_id in beside and len(beside) >= _FEWEST else vain + 1
                alone = _ALONE * vain
            if orthanc_id in found:
                yield found[orthanc_id]
            else:
                alone = max(0, alone - 1)
                yield self._one_or_none(orthanc_id)

    def _one_or_none(self, orthanc_id: str) -> StoredFile | None:
        try:
            return self.one(orthanc_id)
        except KeyError:
            return None

    def _can_list(self) -> bool:
        """Whether Orthanc knows the request below: one that does not would list all it has."""
        if self._lists_series is None:
            try:
                system = json.loads(orthanc.RestApiGet("/system"))
            except orthanc.OrthancException:  # it stops; the next one asks again
                return False
            self._lists_series = system.get("Capabilities", {}).get("HasExtendedFind") is True
        return self._lists_series

    def _beside(self, orthanc_id: str, wanted: frozenset[str]) -> dict[str, StoredFile]:
        """The files of those wanted that are in the series of one of them; empty where it cannot be listed."""
        try:
            series = _CHILD.decode(orthanc.RestApiGet(f"/instances/{orthanc_id}")).ParentSeries
            before = self._before.get(series, 0)
            listed = _list(series, before)
            if before and orthanc_id not in {one.ID for one in listed}:
                before, listed = 0, _list(series, 0)
        except (orthanc.OrthancException, msgspec.MsgspecError):  # gone meanwhile, or not what was asked for
            return {}
        places = [place for place, one in enumerate(listed) if one.ID in wanted]
        if places:
            if len(self._before) >= _MOST_SERIES:
                self._before.clear()
            self._before[series] = before + places[-1] + 1
        return {
            listed[place].ID: self._file(attachment)
            for place in places
            for attachment in listed[place].Attachments
            if attachment.ContentType == _DICOM
        }

    def _file(self, attachment: Attachment) -> StoredFile:
        path = self._path(attachment.Uuid) if attachment.is_plain else None
        return StoredFile(attachment.UncompressedSize, path)


def _list(series: str, since: int) -> list[_Listed]:
    """The instances of a series but for the first ones, in the order in which they were stored."""
    request = {
        "Level": "Instance",
        "Query": {},
        "ParentSeries": series,
        "OrderBy": [{"Type": "Metadata", "Key": "ReceptionDate", "Direction": "ASC"}],
        "Since": since,
        "ResponseContent": ["Attachments"],
    }
    return _LIST.decode(orthanc.RestApiPost("/tools/find", json.dumps(request).encode()))
