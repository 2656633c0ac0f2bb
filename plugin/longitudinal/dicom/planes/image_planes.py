"""From the tags of an instance to its planes in the patient, or the reason why there are none."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from longitudinal.dicom import tag_names as tag
from longitudinal.dicom.alike import once_alike
from longitudinal.dicom.planes.multi_frame import multi_frame_planes
from longitudinal.dicom.planes.nuclear_medicine import nuclear_medicine_planes
from longitudinal.dicom.planes.plane_values import (
    NotIndexableError,
    build_planes,
    common_values,
    geometry_values,
)
from longitudinal.dicom.planes.projections import projection_of_image
from longitudinal.dicom.planes.roles import Role, find_role
from longitudinal.dicom.planes.rt_dose import dose_planes
from longitudinal.dicom.planes.tiled_frames import tiles_of
from longitudinal.dicom.sop_classes import (
    NO_IMAGES,
    NUCLEAR_MEDICINE,
    PROJECTIONS,
    RT_DOSE,
    SEGMENTATIONS,
    WHOLE_SLIDE,
)
from longitudinal.dicom.tags import BadValueError, Tags, has_pixels, integer, text
from longitudinal.geometry.image_plane import Planes
from longitudinal.reasons import NotIndexableReason

__all__ = ["ImagePlanes", "NoPlanes", "NotIndexableReason", "Role", "read_planes"]


class ImagePlanes(msgspec.Struct, frozen=True):
    """The planes of an instance, one per frame in the order of the frames.

    Attributes
    ----------
    role : Role
    planes : array of `PLANE`, shape (frames,)
    """

    role: Role
    planes: Planes


class NoPlanes(msgspec.Struct, frozen=True):
    """Why an instance has no planes.

    Attributes
    ----------
    reason : NotIndexableReason
    detail : str
        What exactly, in English.
    """

    reason: NotIndexableReason
    detail: str


def read_planes(tags: Tags) -> ImagePlanes | NoPlanes:
    """Read the planes of an instance.

    Parameters
    ----------
    tags : Tags
        Orthanc's short JSON, or `tags_from_dataset`.

    Returns
    -------
    ImagePlanes or NoPlanes
        Never raises because of the object's content.
    """
    try:
        return ImagePlanes(find_role(tags), _reader(tags)(tags))
    except NotIndexableError as error:
        return NoPlanes(error.reason, error.detail)
    except BadValueError as error:
        return NoPlanes(NotIndexableReason.BAD_VALUE, str(error))


@once_alike
def _reader(tags: Tags) -> Callable[[Tags], Planes]:
    """Choose the reader for the geometry of this object.

    Raises
    ------
    NotIndexableError
        Objects of its kind have none.
    """
    sop_class = text(tags, tag.SOP_CLASS_UID)
    name = f"SOPClassUID is {sop_class or 'absent'}"
    if sop_class in NO_IMAGES:
        raise NotIndexableError(NotIndexableReason.NOT_AN_IMAGE, name)
    if not has_pixels(tags):
        raise NotIndexableError(NotIndexableReason.NOT_AN_IMAGE, f"PixelData is absent, {name}")
    if sop_class in WHOLE_SLIDE:
        raise NotIndexableError(NotIndexableReason.WHOLE_SLIDE, name)
    if sop_class in PROJECTIONS:
        raise NotIndexableError(NotIndexableReason.PROJECTION, name)
    if sop_class == RT_DOSE:
        return dose_planes
    groups = (tag.PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, tag.SHARED_FUNCTIONAL_GROUPS_SEQUENCE)
    if sop_class != NUCLEAR_MEDICINE and any(key in tags for key in groups):
        return multi_frame_planes
    if sop_class not in SEGMENTATIONS and (projection := projection_of_image(tags)):
        raise NotIndexableError(NotIndexableReason.PROJECTION, projection)
    return nuclear_medicine_planes if sop_class == NUCLEAR_MEDICINE else _single_plane


def _single_plane(tags: Tags) -> Planes:
    """Read the plane of a classic single-frame image (PS3.3 C.7.6.2)."""
    _check_is_single(tags)
    return build_planes([(*geometry_values(tags), *common_values(tags))])


@once_alike
def _check_is_single(tags: Tags) -> None:
    """Refuse an image of several slices or frames. Raises NotIndexableError, BadValueError."""
    if tiles := tiles_of(tags, {}, {}):
        raise NotIndexableError(NotIndexableReason.MOSAIC, tiles)
    frames = integer(tags, tag.NUMBER_OF_FRAMES)
    if frames is not None and frames > 1:
        detail = f"NumberOfFrames is {frames}, PerFrameFunctionalGroupsSequence is absent"
        raise NotIndexableError(NotIndexableReason.FRAMES_WITHOUT_GEOMETRY, detail)
