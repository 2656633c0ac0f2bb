"""The tags of a whole series in one answer of the archive's.

A file at a time, Python reads each byte and each element of it; the archive reads the same on threads of its own.
"""

import time
from collections.abc import Mapping, Sequence

from longitudinal.dicom.character_sets import SPECIFIC_CHARACTER_SET, is_read_by_orthanc
from longitudinal.dicom.tag_names import READ_TAGS
from longitudinal.dicom.tags import Tags
from longitudinal.errors import ArchiveFailed
from longitudinal.ingest.inventory import Inventory, PendingTags

# Fewer are sooner read one by one, as the whole series is in the answer.
_FEWEST = 20
# The answer is in memory twice: about 5 KB of text for a slice, and four times that in Orthanc.
_MOST = 2_000
# Of one file. Larger ones are contours, reports and the like, whose tags are the most of them.
_LARGEST_BYTES = 4 * 1024 * 1024
# Orthanc reads some hundred slices a second on a busy machine.
_SECONDS = 60.0


class SeriesReading:
    """One series that was asked for.

    Attributes
    ----------
    moment
        When it was asked for, by the count of stores; what was stored since is newer than what is read here.
    """

    def __init__(self, pending: PendingTags, moment: int) -> None:
        self.moment = moment
        self._pending = pending
        self._deadline = time.monotonic() + _SECONDS
        self._tags: Mapping[str, Tags] | None = None

    def is_ready(self, within: float) -> bool:
        """Whether `tags` answers at once; waits so many seconds for it. What takes too long is done without."""
        if self._tags is not None or self._pending.is_ready(within):
            return True
        if time.monotonic() < self._deadline:
            return False
        self.close()
        self._tags = {}
        return True

    def tags(self, orthanc_id: str) -> Tags | None:
        """The tags of an instance; None where its file must be read, as the answer has not all of it."""
        if self._tags is None:
            try:
                self._tags = self._pending.read()
            except ArchiveFailed:
                self._tags = {}
        found = self._tags.get(orthanc_id)
        return found if found is not None and _is_whole(found) else None

    def close(self) -> None:
        """Do without what has not come."""
        self._pending.close()


def is_worth_it(inventory: Inventory, missing: Sequence[str], stored: int) -> bool:
    """Whether a series, of which these instances are missing, is read as a whole.

    Not where one answer would hold many more than are wanted, or hundreds of megabytes; the first instance stands for all.

    Raises
    ------
    KeyError
        The first instance is gone.
    """
    if not max(_FEWEST, stored / 2) <= len(missing) <= stored <= _MOST:
        return False
    return inventory.frames(missing[0]) == 1 and inventory.size(missing[0]) <= _LARGEST_BYTES


def _is_whole(tags: Tags) -> bool:
    """Whether nothing that is wanted was cut, is binary, or is in a character set that Orthanc cannot read."""
    return not _has_null(tags) and is_read_by_orthanc(tags.get(SPECIFIC_CHARACTER_SET) or "")


def _has_null(tags: Tags) -> bool:
    for key in READ_TAGS & tags.keys():
        value = tags[key]
        if value is None or (isinstance(value, list) and any(_has_null(entry) for entry in value)):
            return True
    return False
