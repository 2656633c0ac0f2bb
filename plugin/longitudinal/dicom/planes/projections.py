"""Pictures without one place: CT localizers, intensity projections, rendered volumes and curved reformats.

Such a picture has a position and an orientation like any slice, but a pixel of it is a ray through the patient, or lies on
no plane at all. What MR calls a localizer is made of slices and is none of these.
"""

from __future__ import annotations

import re

from longitudinal.dicom import tag_names as tag
from longitudinal.dicom.sop_classes import CT_IMAGES
from longitudinal.dicom.tags import Tags, item, number_if_valid, sequence, text, texts

FRAME_TYPE_SEQUENCES = (
    tag.MR_IMAGE_FRAME_TYPE_SEQUENCE,
    tag.CT_IMAGE_FRAME_TYPE_SEQUENCE,
    tag.PET_FRAME_TYPE_SEQUENCE,
    tag.XRAY_3D_FRAME_TYPE_SEQUENCE,
)

THICKEST_CT_SLICE_MM = 100.0
"""No CT slice is thicker; a localizer may state the depth of the patient."""

# PS3.3 C.8.16.2.1.3, Volume Based Calculation Technique.
_TECHNIQUES = frozenset({"MAX_IP", "MIN_IP", "VOLUME_RENDER", "SURFACE_RENDER", "CURVED_MPR"})
_SLICES = frozenset({"NONE", "MPR"})

# Values of ImageType as scanners and workstations write them; PROJECTION IMAGE is of PS3.3 C.8.3.1.1.1.
_WORDS = re.compile(
    r"(?<![A-Z0-9])(?:"
    r"(?:THIN|THICK)?[ _-]?(?:MIP|MINIP|MNIP|MAXIP)|(?:MAX|MIN|AVG|AVERAGE|MEAN)[ _-]IP|PROJECTION"
    r"|(?:MAXIMUM|MINIMUM|AVERAGE|MEAN)[ _-]INTENSITY[ _-]PROJECTION|COLLAPSE|GENERATED[ _-]2D"
    r"|VOLREN|VRT|SSD|(?:VOLUME|SURFACE|SHADED)[ _-](?:RENDER(?:ED|ING)?|SURFACE|DISPLAY)"
    r"|CURVED|CPR|CMPR|STRAIGHTENED"
    r")(?![A-Z0-9])"
)
_CT_LOCALIZERS = re.compile(
    r"(?<![A-Z0-9])(?:LOCALIZER|SCOUT|TOPOGRAM|SCANOGRAM|SCANO|SURVIEW|CT_SOM\d* TOP)(?![A-Z0-9])"
)
# PS3.3 C.8.9.1.1.4, value 2 of Series Type of PET.
_REPROJECTION = "REPROJECTION"
_CONSTANT_ANGLE = "CONSTANT_ANGLE"


def projection_of_image(tags: Tags) -> str:
    """Why a classic image, or a multi-frame object as a whole, has no one place; "" where nothing says so."""
    values = texts(tags, tag.IMAGE_TYPE)
    found = _of_type("ImageType", values) or _of_calculation(tags)
    if _REPROJECTION in (series_type := texts(tags, tag.SERIES_TYPE)):
        return f"SeriesType is {_joined(series_type)}"
    if found or not _is_ct(tags):
        return found
    options = texts(tags, tag.SCAN_OPTIONS)
    thickness = number_if_valid(tags, tag.SLICE_THICKNESS)
    if _matches(_CT_LOCALIZERS, values):
        return f"ImageType is {_joined(values)}: a localizer of CT is a projection"
    if _matches(_CT_LOCALIZERS, options):
        return f"ScanOptions is {_joined(options)}: a localizer of CT is a projection"
    if thickness > THICKEST_CT_SLICE_MM:
        return f"SliceThickness is {thickness:g} mm: no CT slice, but a projection"
    return ""


def projection_of_frame(tags: Tags, frame: Tags, shared: Tags) -> str:
    """Why one frame of a multi-frame object has no one place; what it does not say itself, the object says."""
    values: tuple[str, ...] = ()
    for key in FRAME_TYPE_SEQUENCES:
        for groups in (frame, shared):
            group = item(groups, key)
            values = values or texts(group, tag.FRAME_TYPE)
            found = _of_calculation(group)
            if found:
                return found
    if not values:
        return projection_of_image(tags)
    found = _of_type("FrameType", values)
    if found or not _is_ct(tags):
        return found
    if _matches(_CT_LOCALIZERS, values):
        return f"FrameType is {_joined(values)}: a localizer of CT is a projection"
    acquisition = _acquisition_type(frame) or _acquisition_type(shared)
    if acquisition == _CONSTANT_ANGLE:
        return f"AcquisitionType is {acquisition}: a projection"
    return ""


def says_of_frames(tags: Tags) -> bool:
    """Whether frames may differ in what they are, or say it in groups of their own."""
    for groups in (*sequence(tags, tag.SHARED_FUNCTIONAL_GROUPS_SEQUENCE)[:1], *_frames(tags)):
        if any(key in groups for key in (*FRAME_TYPE_SEQUENCES, tag.CT_ACQUISITION_TYPE_SEQUENCE)):
            return True
    return False


def _frames(tags: Tags) -> list[Tags]:
    return list(sequence(tags, tag.PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE))


def _of_type(name: str, values: tuple[str, ...]) -> str:
    return f"{name} is {_joined(values)}" if _matches(_WORDS, values) else ""


def _of_calculation(group: Tags) -> str:
    """What Volumetric Properties and Volume Based Calculation Technique say (PS3.3 C.8.16.2.1.2 and .3)."""
    technique = text(group, tag.VOLUME_BASED_CALCULATION_TECHNIQUE)
    properties = text(group, tag.VOLUMETRIC_PROPERTIES)
    if technique in _TECHNIQUES:
        return f"VolumeBasedCalculationTechnique is {technique}"
    if properties == "DISTORTED" or (properties == "SAMPLED" and technique not in _SLICES):
        return f"VolumetricProperties is {properties}"
    return ""


def _acquisition_type(groups: Tags) -> str:
    return text(item(groups, tag.CT_ACQUISITION_TYPE_SEQUENCE), tag.ACQUISITION_TYPE)


def _is_ct(tags: Tags) -> bool:
    return text(tags, tag.SOP_CLASS_UID) in CT_IMAGES or text(tags, tag.MODALITY) == "CT"


def _matches(words: re.Pattern[str], values: tuple[str, ...]) -> bool:
    return any(words.search(value.upper()) for value in values)


def _joined(values: tuple[str, ...]) -> str:
    return "\\".join(values)
