"""What a registration object of ours states about itself: who made it, of what, and how far a person has looked at it."""

from datetime import datetime
from enum import Enum

import msgspec

LANDMARKS, MATRIX = "LANDMARKS", "MATRIX"
GIVEN_LABELS = frozenset({LANDMARKS, MATRIX})
"""Content Labels of transforms given by a person."""

NOT_REVIEWED = "automatic, not reviewed"
"""Content Description of transforms that no person has reviewed."""

TRANSFORM_ITEM = 2
"""Number of the item that holds the transform; with the SOP Instance UID it is the transform's id."""


class RegistrationType(Enum):
    """What a registration was made from (PS3.16 CID 7100): code value and meaning, scheme DCM."""

    IDENTITY = ("125021", "Frame of Reference Identity")
    FIDUCIALS = ("125022", "Fiducial Alignment")
    EQUIPMENT = ("125023", "Acquisition Equipment Alignment")
    IMAGE_CONTENT = ("125024", "Image Content-based Alignment")
    VISUAL = ("125025", "Visual Alignment")


class Equipment(msgspec.Struct, frozen=True):
    """Who made the object (PS3.3 C.7.5.2)."""

    manufacturer: str = "orthanc-longitudinal"
    model_name: str = "orthanc-longitudinal"
    device_serial_number: str = "1"
    software_versions: str = "0"


class Authorship(msgspec.Struct, frozen=True):
    """What the object states about itself.

    Attributes
    ----------
    content_label
        CS: at most 16 of A-Z, 0-9, blank and underscore.
    content_description
        At most 64 characters; `NOT_REVIEWED`, or by whom.
    creator_name
        PN of the person, empty when there is none.
    registration_type
        None if it is not known what the transform was made from.
    created
        Local time where the later study has no Timezone Offset From UTC, else converted to that zone. None: the content
        is computed from images and nothing else, and its time is theirs, so that the same images yield the same file.
    """

    created: datetime | None
    content_label: str = "AUTOMATIC"
    content_description: str = NOT_REVIEWED
    creator_name: str = ""
    registration_type: RegistrationType | None = None
    equipment: Equipment = msgspec.field(default_factory=Equipment)
