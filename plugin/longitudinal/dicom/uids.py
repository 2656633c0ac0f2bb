"""Which values are unique identifiers (PS3.5 9.1)."""

import re
from typing import Final

LONGEST_UID: Final = 64
SERIES_FRAME: Final = "series:"
"""Prefix of the frame of a series with images that have no Frame of Reference UID."""

_UID: Final = re.compile(r"[0-2](?:\.[0-9]+){2,}")
_DICOM_ROOT: Final = "1.2.840.10008."
_WELL_KNOWN_FRAMES: Final = "1.2.840.10008.1.4."
"""Atlases and the like (PS3.6 table A-2), which are frames of reference."""


def is_uid(value: str) -> bool:
    r"""Whether a value identifies something: digits in components, not too long, and not all zero.

    "Unknown", "0", "N/A" or two values mean nothing, and many objects share them.

    >>> is_uid("1.2.826.0.1.3680043"), is_uid("Unknown"), is_uid("0"), is_uid("1.2.3\\1.2.4"), is_uid("0.0.0.0")
    (True, False, False, False, False)
    """
    return len(value) <= LONGEST_UID and _UID.fullmatch(value) is not None and bool(value.strip("0."))


def series_frame(series_instance_uid: str, orthanc_series: str) -> str:
    """The frame of a series that names none: by its UID or, if that is not a UID, by its Orthanc id.

    >>> series_frame("1.2.3.4", "0a-1b"), series_frame("1", "0a-1b")
    ('series:1.2.3.4', 'series:0a-1b')
    """
    return SERIES_FRAME + (series_instance_uid if is_uid(series_instance_uid) else orthanc_series)


def frame_uid(value: str) -> str:
    """A Frame of Reference UID; "" if it names no frame, such as a UID that DICOM itself assigned to something else.

    >>> frame_uid("1.2.3.4"), frame_uid("1.2.840.10008.1.2.1")
    ('1.2.3.4', '')
    """
    is_taken = value.startswith(_DICOM_ROOT) and not value.startswith(_WELL_KNOWN_FRAMES)
    return value if is_uid(value) and not is_taken else ""
