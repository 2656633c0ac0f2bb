"""Why a registration object, or one item of it, is not used as a transform. The codes are part of the API."""

from enum import StrEnum


class RegistrationRefusal(StrEnum):
    """A reason code; `REFUSALS` explains each in one line."""

    NOT_A_REGISTRATION = "notARegistration"
    NO_REGISTRATION = "noRegistration"
    NO_FRAME = "noFrame"
    SAME_FRAME = "sameFrame"
    UNKNOWN_IMAGES = "unknownImages"
    FRAME_CONFLICT = "frameConflict"
    OTHER_PATIENT = "otherPatient"
    BAD_MATRIX = "badMatrix"
    SINGULAR = "singular"
    MIRRORED = "mirrored"
    BAD_GRID = "badGrid"


REFUSALS: dict[RegistrationRefusal, str] = {
    RegistrationRefusal.NOT_A_REGISTRATION: "The SOP Class is no Spatial and no Deformable Spatial Registration.",
    RegistrationRefusal.NO_REGISTRATION: "The object or the item holds no registration: its sequence is absent or empty.",
    RegistrationRefusal.NO_FRAME: "No Frame of Reference UID and no referenced image says which frames are meant.",
    RegistrationRefusal.SAME_FRAME: "The item maps the frame onto itself, but not by the identity.",
    RegistrationRefusal.UNKNOWN_IMAGES: "The frame is named only through images that are not stored here.",
    RegistrationRefusal.FRAME_CONFLICT: "The referenced images lie in several frames, or in another than the item says.",
    RegistrationRefusal.OTHER_PATIENT: "The two frames belong to different patients.",
    RegistrationRefusal.BAD_MATRIX: "The matrix is not 16 finite numbers with the last row 0, 0, 0, 1.",
    RegistrationRefusal.SINGULAR: "The matrix has no inverse: it flattens space, or nearly.",
    RegistrationRefusal.MIRRORED: "The matrix turns left into right.",
    RegistrationRefusal.BAD_GRID: "The deformation grid is incomplete, inconsistent or not finite where it must be.",
}
"""One line for each `RegistrationRefusal`; `UNKNOWN_IMAGES`, `FRAME_CONFLICT` and `OTHER_PATIENT` need the images."""
