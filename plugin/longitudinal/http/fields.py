"""Types of fields that more than one request has: each is written once, with its limits."""

from typing import Annotated, Literal

import msgspec

Identifier = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
"""A UID, an Orthanc id or a PatientID."""
StudyIdentifiers = Annotated[list[Identifier], msgspec.Meta(min_length=1, max_length=1_000)]
"""StudyInstanceUIDs or Orthanc ids."""
Date = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[0-9]{4}(-[0-9]{2}-[0-9]{2}|[0-9]{4}|[.][0-9]{2}[.][0-9]{2})$",
        description="YYYY-MM-DD or YYYYMMDD; also YYYY.MM.DD",
    ),
]
Method = Literal["rigid", "affine", "deformable"]
"""How a registration maps one frame to another."""

Limit = Annotated[int, msgspec.Meta(ge=1, le=1_000)]
"""Entries of one page."""
Offset = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
"""Entries before the page."""

# No scanner is ten kilometres long; a larger number is a mistake, and overflows somewhere.
Millimetres = Annotated[float, msgspec.Meta(ge=-1e7, le=1e7)]
Triple = Annotated[list[Millimetres], msgspec.Meta(min_length=3, max_length=3)]
"""A point, LPS mm."""
Row = Annotated[list[Millimetres], msgspec.Meta(min_length=4, max_length=4)]
Matrix = Annotated[list[Row], msgspec.Meta(min_length=4, max_length=4)]
"""4 rows of 4; maps source points to target points, LPS mm."""

MAX_LANDMARKS = 1_000


class Landmark(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One place in both frames, LPS mm."""

    source: Triple
    target: Triple


Landmarks = Annotated[list[Landmark], msgspec.Meta(max_length=MAX_LANDMARKS)]
