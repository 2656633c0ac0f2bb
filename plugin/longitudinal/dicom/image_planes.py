"""From the tags of an instance to its planes in the patient, or the reason why there are none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from longitudinal.dicom import tag_names as tag
from longitudinal.dicom.multi_frame import multi_frame_planes
from longitudinal.dicom.nuclear_medicine import nuclear_medicine_planes
from longitudinal.dicom.plane_values import NotIndexableError, build_planes, common_values, geometry_values
from longitudinal.dicom.reasons import REASONS, Reason
from longitudinal.dicom.roles import Role, find_role
from longitudinal.dicom.rt_dose import dose_planes
from longitudinal.dicom.sop_classes import NUCLEAR_MEDICINE, PROJECTIONS, RT_DOSE, WHOLE_SLIDE
from longitudinal.dicom.tags import BadValueError, Tags, integer, text, texts
from longitudinal.geometry.image_plane import Planes

__all__ = ["REASONS", "ImagePlanes", "NotIndexable", "Reason", "Role", "read_planes"]


@dataclass(frozen=True, slots=True)
class ImagePlanes:
    """The planes of an instance, one per frame in the order of the frames.

    Attributes
    ----------
    role : Role
    planes : array of `PLANE`, shape (frames,)
    """

    role: Role
    planes: Planes


@dataclass(frozen=True, slots=True)
class NotIndexable:
    """Why an instance has no planes.

    Attributes
    ----------
    reason : Reason
    detail : str
        What exactly, in English.
    """

    reason: Reason
    detail: str


def read_planes(tags: Tags) -> ImagePlanes | NotIndexable:
    """Read the planes of an instance.

    Parameters
    ----------
    tags : Tags
        Orthanc's short JSON, or `tags_from_dataset`.

    Returns
    -------
    ImagePlanes or NotIndexable
        Never raises for what the object holds.
    """
    try:
        return ImagePlanes(find_role(tags), _reader(tags)(tags))
    except NotIndexableError as error:
        return NotIndexable(error.reason, error.detail)
    except BadValueError as error:
        return NotIndexable(Reason.BAD_VALUE, str(error))


def _reader(tags: Tags) -> Callable[[Tags], Planes]:
    """Choose how the geometry of this object is written.

    Raises
    ------
    NotIndexableError
        It is of a kind that has none.
    """
    sop_class = text(tags, tag.SOP_CLASS_UID)
    if sop_class in WHOLE_SLIDE:
        raise NotIndexableError(Reason.WHOLE_SLIDE)
    if sop_class in PROJECTIONS:
        raise NotIndexableError(Reason.PROJECTION, "of this SOP class")
    if tag.ROWS not in tags and tag.IMAGE_POSITION_PATIENT not in tags:
        raise NotIndexableError(Reason.NOT_AN_IMAGE)
    if "MOSAIC" in texts(tags, tag.IMAGE_TYPE):
        raise NotIndexableError(Reason.MOSAIC)
    if sop_class == NUCLEAR_MEDICINE:
        return nuclear_medicine_planes
    if sop_class == RT_DOSE:
        return dose_planes
    if tag.PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE in tags or tag.SHARED_FUNCTIONAL_GROUPS_SEQUENCE in tags:
        return multi_frame_planes
    return _single_plane


def _single_plane(tags: Tags) -> Planes:
    """Read the plane of a classic single-frame image (PS3.3 C.7.6.2)."""
    frames = integer(tags, tag.NUMBER_OF_FRAMES)
    if frames is not None and frames > 1:
        raise NotIndexableError(Reason.FRAMES_WITHOUT_GEOMETRY, f"{frames} frames, no functional groups")
    return build_planes([(*geometry_values(tags), *common_values(tags))])
