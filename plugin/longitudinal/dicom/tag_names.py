"""DICOM keywords of the tags the readers ask for, in the form of Orthanc's short JSON."""

from functools import lru_cache
from typing import Final, NamedTuple

SPECIFIC_CHARACTER_SET: Final = "0008,0005"
IMAGE_TYPE: Final = "0008,0008"
SOP_CLASS_UID: Final = "0008,0016"
SOP_INSTANCE_UID: Final = "0008,0018"
STUDY_DATE: Final = "0008,0020"
SERIES_DATE: Final = "0008,0021"
ACQUISITION_DATE: Final = "0008,0022"
CONTENT_DATE: Final = "0008,0023"
ACQUISITION_DATE_TIME: Final = "0008,002a"
STUDY_TIME: Final = "0008,0030"
SERIES_TIME: Final = "0008,0031"
ACQUISITION_TIME: Final = "0008,0032"
CONTENT_TIME: Final = "0008,0033"
ACCESSION_NUMBER: Final = "0008,0050"
MODALITY: Final = "0008,0060"
TIMEZONE_OFFSET_FROM_UTC: Final = "0008,0201"
STUDY_DESCRIPTION: Final = "0008,1030"
SERIES_DESCRIPTION: Final = "0008,103e"
FRAME_TYPE: Final = "0008,9007"
VOLUMETRIC_PROPERTIES: Final = "0008,9206"
VOLUME_BASED_CALCULATION_TECHNIQUE: Final = "0008,9207"
COMPLEX_IMAGE_COMPONENT: Final = "0008,9208"

PATIENT_NAME: Final = "0010,0010"
PATIENT_ID: Final = "0010,0020"
ISSUER_OF_PATIENT_ID: Final = "0010,0021"
PATIENT_BIRTH_DATE: Final = "0010,0030"
PATIENT_SEX: Final = "0010,0040"

BODY_PART_EXAMINED: Final = "0018,0015"
SCAN_OPTIONS: Final = "0018,0022"
SEQUENCE_NAME: Final = "0018,0024"
SLICE_THICKNESS: Final = "0018,0050"
KVP: Final = "0018,0060"
REPETITION_TIME: Final = "0018,0080"
ECHO_TIME: Final = "0018,0081"
INVERSION_TIME: Final = "0018,0082"
SPACING_BETWEEN_SLICES: Final = "0018,0088"
TRIGGER_TIME: Final = "0018,1060"
IMAGER_PIXEL_SPACING: Final = "0018,1164"
CONVOLUTION_KERNEL: Final = "0018,1210"
ACQUISITION_MATRIX: Final = "0018,1310"
FLIP_ANGLE: Final = "0018,1314"
MR_ACQUISITION_FREQUENCY_ENCODING_STEPS: Final = "0018,9058"
FRAME_ACQUISITION_DATE_TIME: Final = "0018,9074"
EFFECTIVE_ECHO_TIME: Final = "0018,9082"
DIFFUSION_B_VALUE: Final = "0018,9087"
MR_ECHO_SEQUENCE: Final = "0018,9114"
MR_DIFFUSION_SEQUENCE: Final = "0018,9117"
CARDIAC_SYNCHRONIZATION_SEQUENCE: Final = "0018,9118"
MR_FOV_GEOMETRY_SEQUENCE: Final = "0018,9125"
MR_IMAGE_FRAME_TYPE_SEQUENCE: Final = "0018,9226"
MR_ACQUISITION_PHASE_ENCODING_STEPS_IN_PLANE: Final = "0018,9231"
CT_ACQUISITION_TYPE_SEQUENCE: Final = "0018,9301"
ACQUISITION_TYPE: Final = "0018,9302"
CT_IMAGE_FRAME_TYPE_SEQUENCE: Final = "0018,9329"
XRAY_3D_FRAME_TYPE_SEQUENCE: Final = "0018,9504"
PET_FRAME_TYPE_SEQUENCE: Final = "0018,9751"

STUDY_INSTANCE_UID: Final = "0020,000d"
SERIES_INSTANCE_UID: Final = "0020,000e"
SERIES_NUMBER: Final = "0020,0011"
INSTANCE_NUMBER: Final = "0020,0013"
IMAGE_POSITION_PATIENT: Final = "0020,0032"
IMAGE_ORIENTATION_PATIENT: Final = "0020,0037"
FRAME_OF_REFERENCE_UID: Final = "0020,0052"
LATERALITY: Final = "0020,0060"
IMAGE_LATERALITY: Final = "0020,0062"
TEMPORAL_POSITION_IDENTIFIER: Final = "0020,0100"
FRAME_CONTENT_SEQUENCE: Final = "0020,9111"
PLANE_POSITION_SEQUENCE: Final = "0020,9113"
PLANE_ORIENTATION_SEQUENCE: Final = "0020,9116"
TEMPORAL_POSITION_INDEX: Final = "0020,9128"
NOMINAL_CARDIAC_TRIGGER_DELAY_TIME: Final = "0020,9153"

PHOTOMETRIC_INTERPRETATION: Final = "0028,0004"
NUMBER_OF_FRAMES: Final = "0028,0008"
ROWS: Final = "0028,0010"
COLUMNS: Final = "0028,0011"
PIXEL_SPACING: Final = "0028,0030"
PIXEL_MEASURES_SEQUENCE: Final = "0028,9110"

ENERGY_WINDOW_VECTOR: Final = "0054,0010"
DETECTOR_VECTOR: Final = "0054,0020"
DETECTOR_INFORMATION_SEQUENCE: Final = "0054,0022"
PHASE_VECTOR: Final = "0054,0030"
ROTATION_VECTOR: Final = "0054,0050"
RR_INTERVAL_VECTOR: Final = "0054,0060"
TIME_SLOT_VECTOR: Final = "0054,0070"
SLICE_VECTOR: Final = "0054,0080"
NUMBER_OF_SLICES: Final = "0054,0081"
SERIES_TYPE: Final = "0054,1000"

SEGMENT_IDENTIFICATION_SEQUENCE: Final = "0062,000a"
REFERENCED_SEGMENT_NUMBER: Final = "0062,000b"

GRID_FRAME_OFFSET_VECTOR: Final = "3004,000c"

SHARED_FUNCTIONAL_GROUPS_SEQUENCE: Final = "5200,9229"
PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE: Final = "5200,9230"

READ_TAGS: Final = frozenset(
    value for name, value in list(globals().items()) if name.isupper() and isinstance(value, str)
)
"""Every tag above: what `tags_from_dataset` copies."""

PIXELS: Final = ("7fe0,0010", "7fe0,0008", "7fe0,0009")
"""Pixel Data, as integers, floats or doubles: only to know whether an object has pixels."""


class PrivateTag(NamedTuple):
    """An element of a private block; its number depends on the block that its creator reserved (PS3.5 7.8.1).

    `group` and `element` (the last two digits) are lower-case hexadecimal.
    """

    group: str
    creator: str
    element: str


SIEMENS_IMAGES_IN_MOSAIC: Final = PrivateTag("0019", "SIEMENS MR HEADER", "0a")
SIEMENS_ACQUISITION_MATRIX_TEXT: Final = PrivateTag("0051", "SIEMENS MR HEADER", "0b")
SIEMENS_IMAGE_TYPE_TEXT: Final = PrivateTag("0051", "SIEMENS MR HEADER", "16")
SIEMENS_XA_FRAME_SEQUENCE: Final = PrivateTag("0021", "SIEMENS MR SDI 02", "fe")
SIEMENS_XA_IMAGE_TYPE_TEXT: Final = PrivateTag("0021", "SIEMENS MR SDI 02", "75")
UIH_IMAGES_IN_GRID: Final = PrivateTag("0065", "IMAGE PRIVATE HEADER", "50")
UIH_FRAME_SEQUENCE: Final = PrivateTag("0065", "IMAGE PRIVATE HEADER", "51")

READ_PRIVATE_TAGS: Final = frozenset(
    value for value in list(globals().values()) if isinstance(value, PrivateTag)
)
"""Every private tag above; `tags_from_dataset` copies them and their creators."""

PRIVATE_BLOCKS: Final = tuple(f"{block:02x}" for block in range(0x10, 0x20))
"""Blocks that are searched for creators: writers begin at the first."""


def number_of(key: str) -> int:
    """The tag of a key of the short form.

    >>> hex(number_of("0020,000d"))
    '0x20000d'
    """
    return int(key.replace(",", ""), 16)


@lru_cache(maxsize=8)  # there are as many as there are readers
def keys_of(keep: frozenset[str]) -> dict[int, str]:
    """Tags and their keys; not to be changed."""
    return {number_of(key): key for key in keep}
