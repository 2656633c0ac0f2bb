"""RT Dose: units, type, what it sums up, scaling; its pixels are read elsewhere (PS3.3 C.8.8.3)."""

from __future__ import annotations

from typing import Final

import msgspec

from longitudinal.dicom.related.elements import Elements
from longitudinal.dicom.related.values import Reader, code, number

_UNITS, _TYPE, _COMMENT, _SUMMATION, _SCALING = (
    0x3004_0002, 0x3004_0004, 0x3004_0006, 0x3004_000A, 0x3004_000E,
)  # fmt: skip

DOSE_TAGS: Final = frozenset({_UNITS, _TYPE, _COMMENT, _SUMMATION, _SCALING})


class Dose(msgspec.Struct, frozen=True, rename="camel"):
    """What an RT Dose states; `scaling` None where DoseGridScaling (3004,000E) is absent or no positive number."""

    units: str
    type: str
    comment: str
    summation_type: str
    scaling: float | None


def read_dose(root: Elements, reader: Reader) -> Dose:
    """Read what a dose states; what is absent is ""."""
    scaling = number(root, _SCALING)
    return Dose(
        units=code(root, _UNITS).upper(),
        type=code(root, _TYPE).upper(),
        comment=reader.text(root, _COMMENT),
        summation_type=code(root, _SUMMATION).upper(),
        scaling=scaling if scaling is not None and scaling > 0 else None,
    )
