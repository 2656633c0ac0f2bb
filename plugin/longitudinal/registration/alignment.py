"""One scan aligned to another: the transform, how well it is known, and whether it may be used.

``engine.align(fixed, moving, method, *, initial=None, acceptance=Acceptance(), progress=...)`` makes one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from longitudinal.dicom.registration.displacement_field import DisplacementField
from longitudinal.geometry import affine
from longitudinal.registration.quality import Quality
from longitudinal.transforms.error_at_place import ErrorGrid

Progress = Callable[["Stage", float], None]
"""Called with the stage and how far it is, 0..1; whatever it raises ends the alignment and reaches the caller."""


class Method(StrEnum):
    """What kind of transform is looked for."""

    RIGID = "rigid"
    AFFINE = "affine"
    DEFORMABLE = "deformable"


class Stage(StrEnum):
    """What an alignment is doing."""

    SEARCH = "search"
    REFINE = "refine"
    AFFINE = "affine"
    DEFORM = "deform"
    CHECK = "check"


@dataclass(frozen=True, eq=False)
class Alignment:
    """The outcome of `align`, accepted or not.

    Attributes
    ----------
    moving_from_fixed
        (4, 4) LPS mm: maps points of the fixed frame into the moving frame. Of a deformable alignment the linear
        part alone.
    field
        Of a deformable alignment, *moving from fixed* as a deformable REG in the fixed frame has it; else None.
    method
        What was asked for.
    quality
        The figures, and whether they suffice.
    engine
        Name and version of what made it; a part of what makes a REG the same REG.
    rigid
        Of an affine or deformable alignment that was rejected: the rigid one it began with, where that is accepted.
    errors
        How far off it is place by place, in the fixed frame; None where the scans did not overlap.
    """

    moving_from_fixed: affine.Matrix
    field: DisplacementField | None
    method: Method
    quality: Quality
    engine: str
    rigid: "Alignment | None" = None
    errors: ErrorGrid | None = None

    @property
    def expected_error_mm(self) -> float:
        """One figure to choose by: half of the places that were seen have a smaller bound. NaN where none was."""
        known = () if self.errors is None else self.errors.bounds[np.isfinite(self.errors.bounds)]
        return float(np.median(known)) if len(known) else np.nan

    @property
    def registration(self) -> affine.Matrix | DisplacementField:
        """What `write_registration` takes, with the fixed frame as target and the moving one as source."""
        return affine.invert(self.moving_from_fixed) if self.field is None else self.field
