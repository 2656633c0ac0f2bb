"""What a reference means, by its tag path and by the object that makes it (PS3.3 C.8.8, C.11, C.17, C.20)."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from longitudinal.dicom.sop_classes import RT_DOSE, RT_PLANS, RT_RECORDS, RT_STRUCTURE_SET

REFERENCES: Final = "references"
"""The role of a path that has none of its own."""


class Role(StrEnum):
    """What one object is to another."""

    IN_FRAME = "inFrame"
    ROI_IN_FRAME = "roiInFrame"
    STUDY = "study"
    SERIES = "series"
    DRAWN_ON_SERIES = "drawnOnSeries"
    DRAWN_ON_IMAGE = "drawnOnImage"
    CONTOUR_ON_IMAGE = "contourOnImage"
    PREDECESSOR = "predecessor"
    RETIRED_MATRIX = "retiredMatrix"
    STRUCTURE_SET = "structureSet"
    DOSE = "dose"
    PLAN = "plan"
    REFERENCE_IMAGE = "referenceImage"
    SETUP_IMAGE = "setupImage"
    ROI = "roi"
    BEAM = "beam"
    FRACTION_GROUP = "fractionGroup"
    RECORD = "record"
    REGISTRATION = "registration"
    RADIATION = "radiation"
    INTENT = "intent"
    RADIATION_SET = "radiationSet"
    SEGMENT = "segment"
    REGISTERED = "registered"
    USED_FIDUCIALS = "usedFiducials"
    FIDUCIALS_ON = "fiducialsOn"
    SOURCE = "source"
    SHOWN = "shown"
    EVIDENCE = "evidence"
    CONTENT = "content"


# The path without the last tag (which says whether a UID of an instance, a series or a frame is meant), longest first.
_OF_SEQUENCES: Final = (
    ("(3006,0039)(3006,0040)(3006,0016)", Role.CONTOUR_ON_IMAGE),
    ("(3006,0014)(3006,0016)", Role.DRAWN_ON_IMAGE),
    ("(5200,9230)(0008,9124)(0008,2112)", Role.SOURCE),
    ("(5200,9229)(0008,9124)(0008,2112)", Role.SOURCE),
    ("(3006,0012)", Role.STUDY),
    ("(0008,1110)", Role.STUDY),
    ("(3006,0018)", Role.PREDECESSOR),
    ("(3010,0055)", Role.PREDECESSOR),
    ("(3006,00C0)", Role.RETIRED_MATRIX),
    ("(300C,0060)", Role.STRUCTURE_SET),
    ("(300C,0080)", Role.DOSE),
    ("(300C,0002)", Role.PLAN),
    ("(300C,0042)", Role.REFERENCE_IMAGE),
    ("(300A,0401)", Role.SETUP_IMAGE),
    ("(3008,0030)", Role.RECORD),
    ("(300A,0703)", Role.RECORD),
    ("(0070,0404)", Role.REGISTRATION),
    ("(300A,0630)", Role.RADIATION),
    ("(300A,063B)", Role.INTENT),
    ("(300A,0702)", Role.RADIATION_SET),
    ("(3010,0021)", Role.SEGMENT),
    ("(3010,004A)", Role.SEGMENT),
    ("(0070,0314)", Role.USED_FIDUCIALS),
)
_OF_BEGINNINGS: Final = (
    ("(0070,0308)", Role.REGISTERED),
    ("(0064,0002)", Role.REGISTERED),
    ("(0070,031C)", Role.FIDUCIALS_ON),
    ("(0040,A375)", Role.EVIDENCE),
    ("(0040,A360)", Role.PREDECESSOR),
    ("(0040,A730)", Role.CONTENT),
)
_PRESENTATION: Final = "1.2.840.10008.5.1.4.1.1.11."
_LAST_TAGS: Final = {
    "(0020,0052)": Role.IN_FRAME,
    "(3006,0024)": Role.ROI_IN_FRAME,
    "(3006,00C2)": Role.RETIRED_MATRIX,
    "(3006,0084)": Role.ROI,
    "(300C,0006)": Role.BEAM,
    "(300C,0022)": Role.FRACTION_GROUP,
    "(0020,000D)": Role.STUDY,
}
_TAG: Final = len("(0000,0000)")

EXPECTED: Final[dict[str, frozenset[str]]] = {
    Role.STRUCTURE_SET: frozenset({RT_STRUCTURE_SET}),
    Role.PLAN: RT_PLANS,
    Role.DOSE: frozenset({RT_DOSE}),
    Role.RECORD: RT_RECORDS,
}
"""Roles that only objects of some classes can have; first generation."""

FRAME_MATTERS: Final = frozenset(
    {Role.DRAWN_ON_SERIES, Role.DRAWN_ON_IMAGE, Role.CONTOUR_ON_IMAGE, Role.STRUCTURE_SET, Role.SOURCE, Role.PLAN, Role.DOSE}
)  # fmt: skip
"""Roles in which both ends are about one place, so that another Frame of Reference is a fault."""


def role_of(path: str, sop_class_uid: str) -> str:
    """The role of a tag path in an object of a class.

    >>> role_of("(300C,0060)(0008,1155)", "1.2.840.10008.5.1.4.1.1.481.5")
    'structureSet'
    """
    sequence, last = path[:-_TAG], path[-_TAG:]
    if last in _LAST_TAGS and not (last == "(0020,0052)" and "(3006,00C0)" in sequence):
        return str(_LAST_TAGS[last])
    if last == "(0020,000E)":
        return str(Role.DRAWN_ON_SERIES if sequence.endswith("(3006,0014)") else Role.SERIES)
    for suffix, role in _OF_SEQUENCES:
        if sequence.endswith(suffix):
            return str(role)
    for beginning, role in _OF_BEGINNINGS:
        if sequence.startswith(beginning):
            return str(role)
    if sop_class_uid.startswith(_PRESENTATION) and sequence.startswith("(0008,1115)"):
        return str(Role.SHOWN)
    return REFERENCES
