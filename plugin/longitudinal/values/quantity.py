"""What the numbers of a frame are: Hounsfield units, SUV by body weight, activity, or numbers of no unit."""

from datetime import datetime
from typing import Literal

import msgspec

from longitudinal.dicom.stored_values import HOUNSFIELD, FrameValues
from longitudinal.dicom.suv import NoSuv, suv_factor
from longitudinal.dicom.tags import Tags
from longitudinal.reasons import SuvReason

Quantity = Literal["HU", "SUVbw", "activity", "raw", "other"]
"""`raw`: numbers of an arbitrary scale, as of MR, which two scans need not share. `other`: in the unit of the file."""

GRAM_PER_MILLILITRE = "g/ml"
_SUV_UCUM = "{SUVbw}g/ml"
_BECQUEREL = {"BQML": "Bq/ml"}


class FrameQuantity(msgspec.Struct, frozen=True):
    """``slope * stored + intercept`` is `quantity`, in `unit` (None where it has none).

    `suv_reason` and `suv_detail` tell why a PET image has no SUV.
    """

    quantity: Quantity
    unit: str | None
    slope: float
    intercept: float
    suv_reason: SuvReason | None = None
    suv_detail: str = ""

    @property
    def scale(self) -> tuple[Quantity, str | None]:
        """Numbers of one scale can be averaged."""
        return self.quantity, self.unit


def quantity_of(
    tags: Tags, modality: str, values: FrameValues, earliest: datetime | None = None
) -> FrameQuantity | None:
    """What the stored values of a frame stand for; None where they become numbers in no linear way.

    Parameters
    ----------
    tags
        With `SUV_TAGS`.
    earliest
        As `suv_factor` takes it.
    """
    if modality == "PT":
        return _of_pet(tags, values, earliest)
    if values.rescale_slope is None or values.rescale_intercept is None:
        return None
    unit = values.unit
    quantity: Quantity = (
        "raw" if unit is None else "HU" if unit == HOUNSFIELD and modality == "CT" else "other"
    )
    return FrameQuantity(quantity, unit, values.rescale_slope, values.rescale_intercept)


def _of_pet(tags: Tags, values: FrameValues, earliest: datetime | None) -> FrameQuantity | None:
    slope, intercept, mapped = values.rescale_slope, values.rescale_intercept, values.real_world
    reason, detail = SuvReason.UNITS_NOT_SUPPORTED, ""
    if slope is not None and intercept is not None:
        try:
            factor = suv_factor(tags, earliest)
        except NoSuv as why:
            reason, detail = why.reason, str(why)
        else:
            return FrameQuantity("SUVbw", GRAM_PER_MILLILITRE, slope * factor, intercept * factor)
    if mapped is not None and mapped.unit == _SUV_UCUM:  # the scanner itself says so
        return FrameQuantity("SUVbw", GRAM_PER_MILLILITRE, mapped.slope, mapped.intercept)
    if slope is None or intercept is None:
        return None
    unit = _BECQUEREL.get(values.unit or "", values.unit)
    quantity: Quantity = (
        "activity" if unit == _BECQUEREL["BQML"] else "raw" if unit in (None, "CNTS") else "other"
    )
    return FrameQuantity(quantity, unit, slope, intercept, reason, detail)
