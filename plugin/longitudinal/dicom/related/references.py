"""The references of one object: which sequence names what, as tag paths (PS3.3 C.8.8, C.11, C.17, C.20)."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final, Literal

import msgspec

from longitudinal.dicom.related.elements import Elements
from longitudinal.dicom.related.values import code, integer

Kind = Literal["instance", "series", "study", "frame", "roi", "beam", "fractionGroup"]
"""What a reference names; the last three are numbers within another object."""

CLASS_UID, INSTANCE_UID = 0x0008_1150, 0x0008_1155
_SERIES_UID, _STUDY_UID, _FRAME_UID = 0x0020_000E, 0x0020_000D, 0x0020_0052
_ROI_FRAME_UID, _RELATED_FRAME_UID = 0x3006_0024, 0x3006_00C2
_REFERENCED_ROI, _REFERENCED_BEAM, _REFERENCED_FRACTION_GROUP = 0x3006_0084, 0x300C_0006, 0x300C_0022
_CONTENT_SEQUENCE: Final = 0x0040_A730
_FIDUCIAL_SETS: Final = 0x0070_031C

REFERENCE_TAGS: Final = frozenset(
    {CLASS_UID, INSTANCE_UID, _SERIES_UID, _STUDY_UID, _FRAME_UID, _ROI_FRAME_UID, _RELATED_FRAME_UID, _REFERENCED_ROI,
     _REFERENCED_BEAM, _REFERENCED_FRACTION_GROUP}
)  # fmt: skip

REFERENCE_SEQUENCES: Final = frozenset(
    {
        0x300C_0002, 0x300C_0060, 0x300C_0080, 0x300C_0042, 0x300A_0401, 0x3008_0030, 0x0070_0404, 0x300C_0040, 0x300A_0630,
        0x300A_063B, 0x300A_0702, 0x300A_0703, 0x3010_0021, 0x3010_004A, 0x3010_0055, 0x3006_0018, 0x3006_0014, 0x3006_0016,
        0x0070_031C, 0x0070_0314,
    }
)  # fmt: skip
"""Sequences that are there only to name others: an item without a UID is an empty reference."""

_STUDY_CLASSES: Final = frozenset(f"1.2.840.10008.3.1.2.3.{number}" for number in range(1, 6))
# Referenced Study Sequence, and RT Referenced Study Sequence.
_STUDY_SEQUENCES: Final = frozenset({0x0008_1110, 0x3006_0012})
# The number of a ROI or a beam is a reference only outside the object that defines it.
_OWN_ROIS: Final = frozenset({0x3006_0039, 0x3006_0080})
_OTHER_KINDS: Final[dict[int, Kind]] = {
    _STUDY_UID: "study",
    _FRAME_UID: "frame",
    _ROI_FRAME_UID: "frame",
    _RELATED_FRAME_UID: "frame",
    _REFERENCED_ROI: "roi",
    _REFERENCED_BEAM: "beam",
    _REFERENCED_FRACTION_GROUP: "fractionGroup",
}
MOST_REFERENCES: Final = 200_000
"""Different ones of one object: a plan names some, a structure set some thousands."""
LONGEST_UID: Final = 128


class Reference(msgspec.Struct, frozen=True, array_like=True):
    """What an object names under one tag path.

    Attributes
    ----------
    path
        Tags from the root, as "(300C,0002)(0008,1155)"; nested content items of a report stand once.
    uid
        The UID or number as written; "" for an item that names nothing.
    sop_class_uid
        Referenced SOP Class UID; "" where the reference states none.
    series_instance_uid
        Of the series that the reference says the instance is in; "" where it says none.
    count
        How often it is named so.
    """

    path: str
    kind: Kind
    uid: str
    sop_class_uid: str = ""
    series_instance_uid: str = ""
    count: int = 1


_Key = tuple[tuple[int, ...], Kind, str, str, str]


def read_references(root: Elements) -> tuple[tuple[Reference, ...], bool]:
    """The references of an object, each different one once, and whether some were left out for their number.

    Parameters
    ----------
    root
        With `REFERENCE_TAGS` and `REFERENCE_SEQUENCES`.
    """
    counts: Counter[_Key] = Counter()
    for tag, value in root.items():
        if isinstance(value, list):
            _count_sequence(counts, (tag,), value, "")
    is_cut = len(counts) > MOST_REFERENCES
    if is_cut:
        counts = Counter(dict(list(counts.items())[:MOST_REFERENCES]))
    names: dict[tuple[int, ...], str] = {}
    found = []
    for (path, kind, uid, sop_class, series), count in counts.items():
        if path not in names:
            names[path] = "".join(f"({tag >> 16:04X},{tag & 0xFFFF:04X})" for tag in path)
        found.append(Reference(names[path], kind, uid, sop_class, series, count))
    return tuple(sorted(found, key=lambda each: (each.path, each.kind, each.uid))), is_cut


def _count_sequence(
    counts: Counter[_Key], path: tuple[int, ...], items: list[Elements], series: str, times: int = 1
) -> None:
    """Count the references of a sequence that stands at a path so many times.

    Equal sequences within it are the same object where `elements` has read them once, and are looked into once.
    """
    is_reference = path[-1] in REFERENCE_SEQUENCES
    if is_reference and not items:
        counts[(*path, INSTANCE_UID), "instance", "", "", series] += times
    deeper: dict[tuple[int, int, str], list[Any]] = {}
    for item in items:
        own = _count_item(counts, path, item, series, times, is_reference=is_reference)
        for tag, value in item.items():
            if isinstance(value, list):
                found = deeper.get((tag, id(value), own))
                if found is None:
                    deeper[tag, id(value), own] = [value, 1]
                else:
                    found[1] += 1
            elif tag in _OTHER_KINDS:
                _count_other(counts, path, item, tag, times)
    for (tag, _, own), (value, repeated) in deeper.items():
        below = path if tag == path[-1] == _CONTENT_SEQUENCE else (*path, tag)
        _count_sequence(counts, below, value, own, times * repeated)


def _count_item(
    counts: Counter[_Key],
    path: tuple[int, ...],
    item: Elements,
    series: str,
    times: int,
    *,
    is_reference: bool,
) -> str:
    """Count what an item itself names; returns the series that it and what is below it are in.

    Only what an item has is looked at: a structure set has thousands of contours, with one reference each.
    """
    own_series = ""
    if _SERIES_UID in item and (own_series := code(item, _SERIES_UID)[:LONGEST_UID]):
        series = own_series
        counts[(*path, _SERIES_UID), "series", own_series, "", ""] += times
    uid = code(item, INSTANCE_UID)[:LONGEST_UID] if INSTANCE_UID in item else ""
    if uid:
        sop_class = code(item, CLASS_UID)[:LONGEST_UID]
        is_study = sop_class in _STUDY_CLASSES or path[-1] in _STUDY_SEQUENCES
        counts[(*path, INSTANCE_UID), "study" if is_study else "instance", uid, sop_class, series] += times
    elif is_reference and not own_series and not _names_a_frame(path, item):
        counts[(*path, INSTANCE_UID), "instance", "", code(item, CLASS_UID)[:LONGEST_UID], series] += times
    return series


def _names_a_frame(path: tuple[int, ...], item: Elements) -> bool:
    """Whether it is a set of fiducials in a frame of reference, which needs no image (PS3.3 C.21.2)."""
    return path[-1] == _FIDUCIAL_SETS and bool(code(item, _FRAME_UID)[:LONGEST_UID])


def _count_other(counts: Counter[_Key], path: tuple[int, ...], item: Elements, tag: int, times: int) -> None:
    """A study, a frame of reference, or the number of a ROI, a beam or a fraction group of another object."""
    kind = _OTHER_KINDS[tag]
    if kind in ("study", "frame"):
        if uid := code(item, tag)[:LONGEST_UID]:
            counts[(*path, tag), kind, uid, "", ""] += times
    elif not (tag == _REFERENCED_ROI and path[0] in _OWN_ROIS):
        named = integer(item, tag)
        if named is not None:
            counts[(*path, tag), kind, str(named), "", ""] += times
