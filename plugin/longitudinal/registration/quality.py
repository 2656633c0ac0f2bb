"""How well an alignment is known, by two looks that do not share their mistakes, and whether that suffices."""

from dataclasses import dataclass
from enum import StrEnum


class Rejection(StrEnum):
    """Why an alignment is not used; `REJECTIONS` explains each in one line."""

    NO_OVERLAP = "noOverlap"
    INCONSISTENT = "inconsistent"
    LOCALLY_DIFFERENT = "locallyDifferent"
    TOO_LITTLE_STRUCTURE = "tooLittleStructure"


REJECTIONS: dict[Rejection, str] = {
    Rejection.NO_OVERLAP: "The scans share too little of the patient.",
    Rejection.INCONSISTENT: "Aligned there and back, points do not return to where they were.",
    Rejection.LOCALLY_DIFFERENT: "Small blocks of the aligned scans do not match each other in place.",
    Rejection.TOO_LITTLE_STRUCTURE: "Too few blocks have structure to check the alignment by.",
}


@dataclass(frozen=True)
class Quality:
    """The figures of one alignment.

    Attributes
    ----------
    forward_backward_mean_mm, forward_backward_max_mm
        Distance of points of the fixed scan from themselves after fixed -> moving -> fixed, with the way back
        registered on its own, over the overlap. NaN when there was no overlap.
    overlap
        Part of the smaller scan that the other one covers, 0..1.
    metric
        Mattes mutual information, the larger the better; comparable within one pair alone.
    block_offset_mm
        Median length of the local displacements that small blocks ask for after the alignment.
    block_spread_mm
        Their 80 % quantile: another person's head fits on the whole and nowhere in particular.
    blocks
        How many blocks were matched.
    rejection
        Why the alignment is not used, or None.
    """

    forward_backward_mean_mm: float
    forward_backward_max_mm: float
    overlap: float
    metric: float
    block_offset_mm: float
    block_spread_mm: float
    blocks: int
    rejection: Rejection | None

    @property
    def accepted(self) -> bool:
        """Whether the figures suffice."""
        return self.rejection is None
