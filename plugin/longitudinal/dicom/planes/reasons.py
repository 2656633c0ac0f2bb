"""Why an instance has no planes: the reason codes of indexing, a part of the API."""

from enum import StrEnum
from typing import Final


class NotIndexableReason(StrEnum):
    """Codes of instances that are stored but not indexable."""

    NOT_AN_IMAGE = "notAnImage"
    NO_GEOMETRY = "noGeometry"
    PROJECTION = "projection"
    MOSAIC = "mosaic"
    WHOLE_SLIDE = "wholeSlide"
    DEGENERATE_ORIENTATION = "degenerateOrientation"
    ZERO_SPACING = "zeroSpacing"
    BAD_VALUE = "badValue"
    AMBIGUOUS_OFFSETS = "ambiguousOffsets"
    FRAMES_WITHOUT_GEOMETRY = "framesWithoutGeometry"


REASONS: Final[dict[NotIndexableReason, str]] = {
    NotIndexableReason.NOT_AN_IMAGE: "The object has no pixels, as a report, a plan, a spectrum or a registration has none.",
    NotIndexableReason.NO_GEOMETRY: "Position, orientation, pixel spacing or matrix size is not stated.",
    NotIndexableReason.PROJECTION: "A projection or a curved picture: a pixel is a ray, not a place in the patient.",
    NotIndexableReason.MOSAIC: "Many slices are tiled into one frame, whose position is that of none of them.",
    NotIndexableReason.WHOLE_SLIDE: "A microscope slide, which has no place in the patient.",
    NotIndexableReason.DEGENERATE_ORIENTATION: "The cosines are not two perpendicular directions of unit length.",
    NotIndexableReason.ZERO_SPACING: "The pixel spacing is zero or negative.",
    NotIndexableReason.BAD_VALUE: "A value of the geometry cannot be read, or is beyond what a patient can have.",
    NotIndexableReason.AMBIGUOUS_OFFSETS: "The positions of the frames can be read in more than one way.",
    NotIndexableReason.FRAMES_WITHOUT_GEOMETRY: "The object holds several frames but not a position for each of them.",
}
"""One line of explanation for each code."""
