"""What the stored values of an image mean: how they become numbers with a unit, which of them are padding, which window.

Nothing of this is in the index: geometry does without it. It is read from the header when somebody wants to draw the image.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from longitudinal.dicom import tag_names as tag
from longitudinal.dicom.sop_classes import RT_DOSE
from longitudinal.dicom.tags import (
    Tags,
    has_pixels,
    integer_if_valid,
    item,
    name_of,
    number_if_valid,
    sequence,
    text,
    texts,
)

_SAMPLES_PER_PIXEL: Final = "0028,0002"
_BITS_STORED: Final = "0028,0101"
_HIGH_BIT: Final = "0028,0102"
_PIXEL_REPRESENTATION: Final = "0028,0103"
_PIXEL_PADDING_VALUE: Final = "0028,0120"
_PIXEL_PADDING_RANGE_LIMIT: Final = "0028,0121"
_WINDOW_CENTER: Final = "0028,1050"
_WINDOW_WIDTH: Final = "0028,1051"
_RESCALE_INTERCEPT: Final = "0028,1052"
_RESCALE_SLOPE: Final = "0028,1053"
_RESCALE_TYPE: Final = "0028,1054"
_VOI_LUT_FUNCTION: Final = "0028,1056"
_MODALITY_LUT_SEQUENCE: Final = "0028,3000"
_VOI_LUT_SEQUENCE: Final = "0028,3010"
_FRAME_VOI_LUT_SEQUENCE: Final = "0028,9132"
_PIXEL_VALUE_TRANSFORMATION_SEQUENCE: Final = "0028,9145"
_UNITS: Final = "0054,1001"
_DOSE_UNITS: Final = "3004,0002"
_DOSE_GRID_SCALING: Final = "3004,000e"
_REAL_WORLD_VALUE_MAPPING_SEQUENCE: Final = "0040,9096"
_MEASUREMENT_UNITS_CODE_SEQUENCE: Final = "0040,08ea"
_CODE_VALUE: Final = "0008,0100"
_LAST_VALUE_MAPPED: Final = "0040,9211"
_LUT_DATA: Final = "0040,9212"
_FIRST_VALUE_MAPPED: Final = "0040,9216"
_REAL_WORLD_INTERCEPT: Final = "0040,9224"
_REAL_WORLD_SLOPE: Final = "0040,9225"

STORED_VALUE_TAGS: Final = frozenset(
    {
        tag.SOP_CLASS_UID, tag.MODALITY, tag.PHOTOMETRIC_INTERPRETATION, tag.NUMBER_OF_FRAMES, tag.ROWS, tag.COLUMNS,
        tag.SHARED_FUNCTIONAL_GROUPS_SEQUENCE, tag.PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, *tag.PIXELS,
        _SAMPLES_PER_PIXEL, _BITS_STORED, _HIGH_BIT, _PIXEL_REPRESENTATION, _PIXEL_PADDING_VALUE,
        _PIXEL_PADDING_RANGE_LIMIT, _VOI_LUT_SEQUENCE,
        _WINDOW_CENTER, _WINDOW_WIDTH, _RESCALE_INTERCEPT, _RESCALE_SLOPE, _RESCALE_TYPE, _VOI_LUT_FUNCTION,
        _MODALITY_LUT_SEQUENCE, _FRAME_VOI_LUT_SEQUENCE, _PIXEL_VALUE_TRANSFORMATION_SEQUENCE, _UNITS, _DOSE_UNITS,
        _DOSE_GRID_SCALING, _REAL_WORLD_VALUE_MAPPING_SEQUENCE, _MEASUREMENT_UNITS_CODE_SEQUENCE, _CODE_VALUE,
        _LAST_VALUE_MAPPED, _LUT_DATA, _FIRST_VALUE_MAPPED, _REAL_WORLD_INTERCEPT, _REAL_WORLD_SLOPE,
    }
)  # fmt: skip
"""What a header is read for here; `longitudinal.dicom.tag_names.READ_TAGS` is what is read of every stored instance."""

HOUNSFIELD: Final = "HU"
_NO_UNITS: Final = frozenset({"US", "UNSPECIFIED", "NORMALIZED"})
"""Of Rescale Type: what says that there is no unit, in the standard and as some MR scanners write it."""

_GREY: Final = frozenset({"MONOCHROME1", "MONOCHROME2"})
_VOI_LUT_FUNCTIONS: Final = frozenset({"LINEAR", "LINEAR_EXACT", "SIGMOID"})
_SIGN_BIT, _WORD = 1 << 15, 1 << 16


class RealWorldValues(msgspec.Struct, frozen=True):
    """A linear Real World Value Mapping: ``value = slope * stored + intercept`` (PS3.3 C.7.6.16.2.11).

    It takes stored values from `first` to `last`, before any rescale.
    """

    slope: float
    intercept: float
    unit: str | None
    first: float | None
    last: float | None


class FrameValues(msgspec.Struct, frozen=True):
    """How the stored values of one frame become numbers, ``slope * stored + intercept``, and how they are shown.

    Attributes
    ----------
    rescale_slope, rescale_intercept
        None where the stored values become numbers in no linear way, or are none; `not_linear` says why. 1 and 0 where the
        image states neither: its values are as they are stored.
    unit
        Of the rescaled values, in the code that the image uses (HU, BQML, GY...); None where it is not known.
    window_center, window_width
        Of rescaled values, the first that the image suggests (PS3.3 C.11.2.1.2).
    voi_lut_function
        LINEAR, LINEAR_EXACT or SIGMOID: how the window is applied.
    has_voi_lut
        Whether the image suggests a table of greys (PS3.3 C.11.2.1.1), beside or in place of a window.
    real_world
        Another linear meaning of the stored values; None where there is none.
    """

    rescale_slope: float | None
    rescale_intercept: float | None
    unit: str | None
    not_linear: str | None
    window_center: float | None
    window_width: float | None
    voi_lut_function: str | None
    has_voi_lut: bool
    real_world: RealWorldValues | None


class StoredValues(msgspec.Struct, frozen=True):
    """What is known of the pixels of one instance.

    Attributes
    ----------
    has_pixels
        Whether there are whole numbers in it that a pixel route can send: neither no pixels at all, nor floating-point ones.
    bits_stored, pixel_representation
        So many low bits of each value are its own, two's complement where the representation is 1. What stands above them
        (an old overlay, or nothing) is no part of it, whoever decodes the pixels (PS3.5 8.1.1).
    high_bit
        The place of the highest of these bits, one below `bits_stored` in everything that the standard allows today.
    pixel_padding_value, pixel_padding_range_limit
        Stored values that are no image, ends of a range; the limit is None where it is one value (PS3.3 C.7.5.1.1.2).
    frames
        One for each frame; one for all of them where they do not differ.
    """

    has_pixels: bool
    samples_per_pixel: int | None
    photometric_interpretation: str | None
    rows: int | None
    columns: int | None
    bits_stored: int | None
    high_bit: int | None
    pixel_representation: int | None
    pixel_padding_value: int | None
    pixel_padding_range_limit: int | None
    frames: tuple[FrameValues, ...]

    def frame(self, number: int) -> FrameValues:
        """The values of a frame, 1-based."""
        if len(self.frames) == 1:
            return self.frames[0]
        return self.frames[number - 1] if number <= len(self.frames) else _NO_SUCH_FRAME


_NO_SUCH_FRAME: Final = FrameValues(
    None, None, None, "the header has no such frame", None, None, None, False, None
)


def read_stored_values(tags: Tags) -> StoredValues:
    """Read what the stored values of an instance mean; what is absent or malformed is None.

    Parameters
    ----------
    tags : Tags
        With `STORED_VALUE_TAGS`.
    """
    representation = integer_if_valid(tags, _PIXEL_REPRESENTATION)
    bits = integer_if_valid(tags, _BITS_STORED)
    padding = _padding(tags, _PIXEL_PADDING_VALUE, representation == 1, bits)
    return StoredValues(
        has_pixels=tag.PIXELS[0] in tags,
        samples_per_pixel=integer_if_valid(tags, _SAMPLES_PER_PIXEL),
        photometric_interpretation=text(tags, tag.PHOTOMETRIC_INTERPRETATION) or None,
        rows=integer_if_valid(tags, tag.ROWS),
        columns=integer_if_valid(tags, tag.COLUMNS),
        bits_stored=bits,
        high_bit=integer_if_valid(tags, _HIGH_BIT),
        pixel_representation=representation,
        pixel_padding_value=padding,
        pixel_padding_range_limit=None
        if padding is None
        else _padding(tags, _PIXEL_PADDING_RANGE_LIMIT, representation == 1, bits),
        frames=_frames(tags),
    )


def _frames(tags: Tags) -> tuple[FrameValues, ...]:
    shared = item(tags, tag.SHARED_FUNCTIONAL_GROUPS_SEQUENCE)
    groups = sequence(tags, tag.PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE) or [{}]
    found = tuple([_frame(tags, shared, frame) for frame in groups])
    return found[:1] if all(values == found[0] for values in found) else found


def _frame(tags: Tags, shared: Tags, frame: Tags) -> FrameValues:
    """Each attribute is looked up by itself: in the frame's group, the shared one, at the root."""
    voi = _Lookup(tags, shared, frame, _FRAME_VOI_LUT_SEQUENCE)
    width = number_if_valid(voi.source(_WINDOW_WIDTH), _WINDOW_WIDTH)
    center = number_if_valid(voi.source(_WINDOW_CENTER), _WINDOW_CENTER)
    function = text(voi.source(_VOI_LUT_FUNCTION), _VOI_LUT_FUNCTION) or "LINEAR"
    has_window = width > 0 and not math.isnan(center) and function in _VOI_LUT_FUNCTIONS
    slope, intercept, unit, not_linear = _rescale(
        tags, _Lookup(tags, shared, frame, _PIXEL_VALUE_TRANSFORMATION_SEQUENCE)
    )
    return FrameValues(
        slope, intercept, unit, not_linear,
        window_center=center if has_window else None,
        window_width=width if has_window else None,
        voi_lut_function=function if has_window else None,
        has_voi_lut=bool(sequence(voi.source(_VOI_LUT_SEQUENCE), _VOI_LUT_SEQUENCE)),
        real_world=_real_world(tags, shared, frame),
    )  # fmt: skip


class _Lookup(msgspec.Struct, frozen=True):
    """Where the attributes of one functional group stand for one frame."""

    tags: Tags
    shared: Tags
    frame: Tags
    group: str

    def source(self, key: str) -> Tags:
        """The tags that state an attribute; the root where none does."""
        for groups in (self.frame, self.shared):
            found = item(groups, self.group)
            if found.get(key, "") != "":
                return found
        return self.tags


_Rescale = tuple[float | None, float | None, str | None, str | None]


def _rescale(tags: Tags, lookup: _Lookup) -> _Rescale:
    """Slope, intercept, unit, and why there are none."""
    if not has_pixels(tags):
        return None, None, None, "the object has no pixels"
    photometric = text(tags, tag.PHOTOMETRIC_INTERPRETATION)
    if photometric not in _GREY:
        return None, None, None, f"PhotometricInterpretation is {photometric or 'absent'}: no grey values"
    if sequence(tags, _MODALITY_LUT_SEQUENCE):
        return None, None, None, "ModalityLUTSequence: values are looked up in a table"
    if text(tags, tag.SOP_CLASS_UID) == RT_DOSE:
        return _dose(tags)
    slope_tags, intercept_tags = lookup.source(_RESCALE_SLOPE), lookup.source(_RESCALE_INTERCEPT)
    is_stated = bool(text(slope_tags, _RESCALE_SLOPE) or text(intercept_tags, _RESCALE_INTERCEPT))
    if not is_stated:
        return 1.0, 0.0, None, None
    slope = number_if_valid(slope_tags, _RESCALE_SLOPE)
    intercept = number_if_valid(intercept_tags, _RESCALE_INTERCEPT)
    for key, value, stated in (
        (_RESCALE_SLOPE, slope, slope_tags),
        (_RESCALE_INTERCEPT, intercept, intercept_tags),
    ):
        if math.isnan(value):
            return None, None, None, _wrong(stated, key)
    if slope == 0:
        return None, None, None, _wrong(slope_tags, _RESCALE_SLOPE)
    return slope, intercept, _unit(tags, text(lookup.source(_RESCALE_TYPE), _RESCALE_TYPE)), None


def _dose(tags: Tags) -> _Rescale:
    scaling = number_if_valid(tags, _DOSE_GRID_SCALING)
    if not scaling > 0:
        return None, None, None, _wrong(tags, _DOSE_GRID_SCALING)
    return scaling, 0.0, text(tags, _DOSE_UNITS) or None, None


def _wrong(tags: Tags, key: str) -> str:
    return f"{name_of(key)} is {text(tags, key) or 'absent'}"


def _unit(tags: Tags, rescale_type: str) -> str | None:
    """The unit of rescaled values that state a slope: HU is the only one that may go without saying (PS3.3 C.11.1.1.2)."""
    modality = text(tags, tag.MODALITY)
    if modality == "PT" and (units := text(tags, _UNITS)):
        return units
    if rescale_type:
        return None if rescale_type.upper() in _NO_UNITS else rescale_type
    return HOUNSFIELD if modality == "CT" else None


def _padding(tags: Tags, key: str, signed: bool, bits_stored: int | None) -> int | None:
    """A padding value as the pixels have it: US or SS, by whoever wrote it, of 16 bits or as many as are stored."""
    value = integer_if_valid(tags, key)
    if value is None:
        return None
    if signed and value >= _SIGN_BIT:
        return value - _WORD
    if signed and bits_stored and 1 << (bits_stored - 1) <= value < 1 << bits_stored:
        return value - (1 << bits_stored)
    return value + _WORD if not signed and value < 0 else value


def _real_world(tags: Tags, shared: Tags, frame: Tags) -> RealWorldValues | None:
    """The first linear mapping of the frame, else the shared ones, else those of the root."""
    for groups in (frame, shared, tags):
        mappings: Sequence[Mapping[str, Any]] = sequence(groups, _REAL_WORLD_VALUE_MAPPING_SEQUENCE)
        if mappings:
            return next((found for found in map(_linear, mappings) if found is not None), None)
    return None


def _linear(mapping: Tags) -> RealWorldValues | None:
    slope = number_if_valid(mapping, _REAL_WORLD_SLOPE)
    intercept = number_if_valid(mapping, _REAL_WORLD_INTERCEPT)
    if _LUT_DATA in mapping or math.isnan(slope) or math.isnan(intercept) or slope == 0:
        return None
    unit = texts(item(mapping, _MEASUREMENT_UNITS_CODE_SEQUENCE), _CODE_VALUE)
    first, last = (number_if_valid(mapping, key) for key in (_FIRST_VALUE_MAPPED, _LAST_VALUE_MAPPED))
    return RealWorldValues(
        slope,
        intercept,
        unit[0] if unit else None,
        None if math.isnan(first) else first,
        None if math.isnan(last) else last,
    )
