"""The purpose of an image: a scan, or something that accompanies one."""

from __future__ import annotations

from enum import StrEnum

from longitudinal.dicom import tag_names as tag
from longitudinal.dicom.alike import once_alike
from longitudinal.dicom.planes.projections import FRAME_TYPE_SEQUENCES
from longitudinal.dicom.sop_classes import PARAMETRIC_MAP, RT_DOSE, SECONDARY_CAPTURES, SEGMENTATIONS
from longitudinal.dicom.tags import Tags, item, sequence, text, texts

_LOCALIZER_TYPES = frozenset({"LOCALIZER", "SCOUT"})
_SCREEN_TYPES = frozenset({"SCREEN SAVE", "SCREENSAVE", "SCREEN_SAVE"})


class Role(StrEnum):
    """Resolve returns images; the others only on request."""

    IMAGE = "image"
    LOCALIZER = "localizer"
    DOSE = "dose"
    SEGMENTATION = "segmentation"
    DERIVED = "derived"


@once_alike
def find_role(tags: Tags) -> Role:
    """Find the role of an instance.

    ``derived`` is a secondary object that is not a scan: a Secondary Capture with geometry, a screen save, a
    colour picture, a parametric map. An MR image of type DERIVED, SECONDARY is still an image: that a
    reformat comes after its original is a rule of choice, not a role. Localizers of CT never get here: they are
    projections (`longitudinal.dicom.planes.projections`).
    """
    sop_class = text(tags, tag.SOP_CLASS_UID)
    if sop_class == RT_DOSE:
        return Role.DOSE
    if sop_class in SEGMENTATIONS:
        return Role.SEGMENTATION
    image_type = texts(tags, tag.IMAGE_TYPE)
    if not _SCREEN_TYPES.isdisjoint(image_type):
        return Role.DERIVED
    if sop_class == PARAMETRIC_MAP or sop_class in SECONDARY_CAPTURES or _is_coloured(tags):
        return Role.DERIVED
    if not _LOCALIZER_TYPES.isdisjoint(image_type) or _all_frames_localize(tags):
        return Role.LOCALIZER
    return Role.IMAGE


def _is_coloured(tags: Tags) -> bool:
    interpretation = text(tags, tag.PHOTOMETRIC_INTERPRETATION)
    return bool(interpretation) and not interpretation.startswith("MONOCHROME")


def _all_frames_localize(tags: Tags) -> bool:
    """Whether each frame of an enhanced object calls itself a localizer; ImageType may only say MIXED."""
    frames = sequence(tags, tag.PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE)
    return bool(frames) and all(not _LOCALIZER_TYPES.isdisjoint(_frame_type(frame)) for frame in frames)


def _frame_type(frame: Tags) -> tuple[str, ...]:
    for key in FRAME_TYPE_SEQUENCES:
        if key in frame:
            return texts(item(frame, key), tag.FRAME_TYPE)
    return ()
