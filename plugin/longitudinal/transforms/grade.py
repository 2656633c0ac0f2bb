"""One scale of grades for every stated error: of a match, of a refined point, of an aligned study."""

from typing import Literal

Grade = Literal["green", "amber", "red", "unknown"]
# The largest bound of a green and of an amber match: one scale for alignments, landmarks and refined points.
GREEN_MM = 2.5
AMBER_MM = 5.0


def grade_of(uncertainty_mm: float | None, *, is_claimed: bool = False) -> Grade:
    """Green, amber or red by the uncertainty; not measured is never green, and a declared error is amber at best.

    >>> grade_of(1.0), grade_of(3.0), grade_of(9.0), grade_of(None)
    ('green', 'amber', 'red', 'unknown')
    >>> grade_of(1.0, is_claimed=True)
    'amber'
    """
    if uncertainty_mm is None:
        return "unknown"
    if uncertainty_mm <= GREEN_MM and not is_claimed:
        return "green"
    return "amber" if uncertainty_mm <= AMBER_MM else "red"
