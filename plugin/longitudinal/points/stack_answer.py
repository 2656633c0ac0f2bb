"""The planes of a series as a viewer needs them to draw, as they leave the server (camelCase of the DICOM keywords)."""

import msgspec

from longitudinal.reasons import PixelsReason

Triplet = tuple[float, float, float]
Sextet = tuple[float, float, float, float, float, float]


class FrameLinks(msgspec.Struct, rename="camel", frozen=True):
    """Where the stored values of one frame are, as NumPy's file format; null where none may be asked for, and why."""

    pixels: str | None
    pixels_reason: PixelsReason | None = None


class RealWorldValueMapping(msgspec.Struct, rename="camel", frozen=True):
    """A linear Real World Value Mapping of the **stored** values, from `first` to `last`; `unit` is a UCUM code."""

    slope: float
    intercept: float
    unit: str | None
    first_value_mapped: float | None
    last_value_mapped: float | None


class OwnGeometry(msgspec.Struct, rename="camel", frozen=True):
    """What a plane has for itself where it differs from the first one of its stack, down to the last bit."""

    image_orientation_patient: Sextet
    pixel_spacing: tuple[float, float]
    rows: int
    columns: int
    samples_per_pixel: int | None
    photometric_interpretation: str | None
    bits_stored: int | None
    high_bit: int | None
    pixel_representation: int | None


class StackPlane(msgspec.Struct, rename="camel", frozen=True):
    """One plane: `slice_index` is 0-based, as resolve has it, `frame_number` 1-based, positions LPS mm.

    Values are ``rescaleSlope * stored + rescaleIntercept``, frame by frame; `rescale_reason` says why both are null. Window
    and unit are those of rescaled values, the padding that of stored ones. `reach_mm` is how far below and above the plane
    answers, along the stack's normal.
    """

    slice_index: int
    sop_instance_uid: str
    orthanc_instance_id: str
    frame_number: int
    image_position_patient: Triplet
    own_geometry: OwnGeometry | None
    reach_mm: tuple[float, float]
    rescale_slope: float | None
    rescale_intercept: float | None
    rescale_reason: str | None
    unit: str | None
    real_world_value_mapping: RealWorldValueMapping | None
    pixel_padding_value: int | None
    pixel_padding_range_limit: int | None
    window_center: float | None
    window_width: float | None
    voi_lut_function: str | None
    has_voi_lut: bool
    links: FrameLinks


class SeriesStack(msgspec.Struct, rename="camel", frozen=True):
    """Planes one behind the other, along `normal` (unit, LPS); `spacing_mm` is the median gap, null for one plane.

    Orientation, spacing, rows, columns and the kind of pixels are those of the first plane. Where `is_uniform` is false
    others differ, if only in the last digit: they have an `own_geometry`.
    """

    index: int
    frame_of_reference_uid: str
    role: str
    image_orientation_patient: Sextet
    normal: Triplet
    pixel_spacing: tuple[float, float]
    rows: int
    columns: int
    spacing_mm: float | None
    is_uniform: bool
    samples_per_pixel: int | None
    photometric_interpretation: str | None
    bits_stored: int | None
    high_bit: int | None
    pixel_representation: int | None
    planes: list[StackPlane]


class InstanceWithoutPlace(msgspec.Struct, rename="camel", frozen=True):
    """An instance that has no place in the patient, or frames of one beside others that have; with what draws it.

    `frame_numbers` are the frames without a place, null for all. What varies by frame is that of the first of them, and
    so is the link.
    """

    sop_instance_uid: str
    orthanc_instance_id: str
    number_of_frames: int
    frame_numbers: list[int] | None
    reason: str
    detail: str
    samples_per_pixel: int | None
    photometric_interpretation: str | None
    bits_stored: int | None
    high_bit: int | None
    pixel_representation: int | None
    rows: int | None
    columns: int | None
    rescale_slope: float | None
    rescale_intercept: float | None
    rescale_reason: str | None
    unit: str | None
    pixel_padding_value: int | None
    pixel_padding_range_limit: int | None
    window_center: float | None
    window_width: float | None
    voi_lut_function: str | None
    has_voi_lut: bool
    links: FrameLinks


class SeriesStacks(msgspec.Struct, rename="camel", frozen=True):
    """A series: its stacks, and what of it has no place."""

    series_instance_uid: str
    study_instance_uid: str
    orthanc_series_id: str
    patient_id: str
    modality: str
    series_number: int | None
    series_description: str
    stacks: list[SeriesStack]
    not_indexed: list[InstanceWithoutPlace]
