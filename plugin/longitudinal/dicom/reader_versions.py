"""The reader of each instance, with its version: what an older version has read is read again.

Raise the number of a family if anything changes in what is read from its objects: header, planes or reasons. The index
then reads these instances again, after everything that somebody waits for.
"""

from __future__ import annotations

from typing import Final

from longitudinal.dicom import tag_names as tag
from longitudinal.dicom.alike import once_alike
from longitudinal.dicom.sop_classes import NUCLEAR_MEDICINE, REGISTRATIONS, RT_DOSE, names_others
from longitudinal.dicom.tags import Tags, text

VERSIONS: Final = {
    "singleFrame": 1,
    "multiFrame": 1,
    "nuclearMedicine": 1,
    "dose": 2,
    "registration": 2,
    "related": 2,
    "other": 1,
}
"""By family of objects."""

CURRENT: Final = frozenset(f"{family}.{version}" for family, version in VERSIONS.items())
"""Every reader of today."""


@once_alike
def reader_of(tags: Tags) -> str:
    """Name the reader of an instance.

    >>> reader_of({"0028,0010": "512"}) in CURRENT
    True
    """
    family = _family(tags)
    return f"{family}.{VERSIONS[family]}"


def _family(tags: Tags) -> str:
    sop_class = text(tags, tag.SOP_CLASS_UID)
    if sop_class in REGISTRATIONS:
        return "registration"
    if sop_class == NUCLEAR_MEDICINE:
        return "nuclearMedicine"
    if sop_class == RT_DOSE:
        return "dose"
    if names_others(sop_class):
        return "related"
    if tag.PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE in tags or tag.SHARED_FUNCTIONAL_GROUPS_SEQUENCE in tags:
        return "multiFrame"
    return "singleFrame" if tag.ROWS in tags else "other"
