"""The contrast of a scan: two scans of the same contrast can be compared voxel by voxel."""

import math
from typing import Self

import msgspec

from longitudinal.dicom import tag_names as tag
from longitudinal.dicom.tags import Tags, number_if_valid, text

SAME_TIMING_RATIO = 1.5
"""Echo, repetition and inversion time may differ by this factor and weight the tissues alike.

T1 and T2 weighted, FLAIR and proton density differ by factors of three and more.
"""

NO_INVERSION_MS = 1.0
"""A smaller inversion time means that there is none."""


class Contrast(msgspec.Struct, frozen=True):
    """Modality, and for MR the timing that weights the tissues.

    Attributes
    ----------
    modality
        Modality (0008,0060), such as CT; "" when unknown.
    repetition_time, echo_time, inversion_time
        ms, NaN if the object does not state it (0018,0080), (0018,0081), (0018,0082).
    """

    modality: str
    repetition_time: float = math.nan
    echo_time: float = math.nan
    inversion_time: float = math.nan

    @classmethod
    def from_tags(cls, tags: Tags) -> Self:
        """Read the contrast of an instance; never raises because of its content."""
        return cls(
            text(tags, tag.MODALITY),
            number_if_valid(tags, tag.REPETITION_TIME),
            number_if_valid(tags, tag.ECHO_TIME),
            number_if_valid(tags, tag.INVERSION_TIME),
        )

    def is_like(self, other: "Contrast") -> bool:
        """Whether equal tissue is equally bright in both: if not, local correlation fails badly.

        True only if that is known: for CT, which has calibrated values, and for MR of about the same timing.

        >>> Contrast("CT").is_like(Contrast("CT")), Contrast("CT").is_like(Contrast("PT"))
        (True, False)
        >>> Contrast("MR", 500, 10).is_like(Contrast("MR", 600, 12))
        True
        >>> Contrast("MR", 500, 10).is_like(Contrast("MR", 4000, 100)), Contrast("MR").is_like(Contrast("MR"))
        (False, False)
        """
        if self.modality != other.modality:
            return False
        if self.modality == "MR":
            return (
                _alike(self.repetition_time, other.repetition_time)
                and _alike(self.echo_time, other.echo_time)
                and _alike_inversion(self.inversion_time, other.inversion_time)
            )
        return self.modality == "CT"


def _alike(first: float, second: float) -> bool:
    """False for NaN and for zero."""
    return min(first, second) > 0 and max(first, second) <= SAME_TIMING_RATIO * min(first, second)


def _alike_inversion(first: float, second: float) -> bool:
    """No inversion pulse in both counts as the same one."""
    none = [not time >= NO_INVERSION_MS for time in (first, second)]
    return all(none) or (not any(none) and _alike(first, second))
