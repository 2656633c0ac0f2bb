"""Spatial Registration objects (REG) as the domain reads them.

A REG establishes a Registered RCS, "the REG's frame". Each item of a *Spatial* Registration maps points of
the item's frame into it (PS3.3 C.20.2.1.1); each item of a *Deformable* one maps points of the REG's frame
into the item's (PS3.3 C.20.3.1.1). Nothing here raises because of a file's content: what cannot be used is refused
with a reason.
"""

from datetime import datetime, time

import msgspec
from msgspec.structs import replace
from pydicom import Dataset
from pydicom.uid import DeformableSpatialRegistrationStorage

from longitudinal.dicom.dates import read_date, read_time, read_timezone
from longitudinal.dicom.registration.deformable_registration import read_displacement_field, read_pre_and_post
from longitudinal.dicom.registration.displacement_field import DisplacementField
from longitudinal.dicom.registration.matrix import (
    RefusedError,
    check_matrix,
    declared_type_mismatch,
    items,
    read_matrix_sequence,
    text,
)
from longitudinal.dicom.sop_classes import REGISTRATIONS
from longitudinal.dicom.uids import frame_uid
from longitudinal.geometry import affine
from longitudinal.reasons import RegistrationRefusal


class RegistrationItem(msgspec.Struct, frozen=True, eq=False):
    """One item of a (Deformable) Registration Sequence.

    Attributes
    ----------
    number
        1-based over the sequence; with the SOP Instance UID it names the transform.
    frame_of_reference_uid
        Frame of the item; None if only `referenced_sop_instance_uids` identify it.
    referenced_sop_instance_uids
        Images the item is about, in the order of the file.
    matrix
        (4, 4) float64, mm, *REG's frame from item's frame*; None where refused or deformable.
    field
        Of a deformable item with a grid, *item's frame from REG's frame*; None where refused or linear.
    matrix_type
        As declared: RIGID, RIGID_SCALE or AFFINE; None if the file states no known type.
    own_frame
        It names the REG's own frame, and images in it, and is not a transform. Frames decide, not the matrix: an identity
        with images in another frame declares that the two frames coincide.
    refusal, detail
        Why the item is not used; `detail` alone is a remark on an item that is used.
    """

    number: int
    frame_of_reference_uid: str | None
    referenced_sop_instance_uids: tuple[str, ...] = ()
    matrix: affine.Matrix | None = None
    field: DisplacementField | None = None
    matrix_type: str | None = None
    own_frame: bool = False
    refusal: RegistrationRefusal | None = None
    detail: str = ""

    @property
    def method(self) -> str:
        """The actual type, whatever is declared: rigid, affine or deformable."""
        if self.matrix is None:
            return "deformable"
        return "rigid" if affine.is_rigid(self.matrix) else "affine"


class Registration(msgspec.Struct, frozen=True, eq=False):
    """A registration object: the frame it establishes and its items.

    Attributes
    ----------
    frame_of_reference_uid
        The REG's own frame as the object names it; None if only `referenced_sop_instance_uids` identify it.
    referenced_sop_instance_uids
        Images of its identity item. They identify the REG's own frame if no image has the UID above, which is then only a
        name. If images have it, the referenced ones may be in another frame, and the item is a transform from there.
    created
        ISO 8601, with the offset when the file has one; None when unknown.
    refusal, detail
        Why no item at all is used.
    """

    sop_instance_uid: str
    sop_class_uid: str
    study_instance_uid: str
    series_instance_uid: str
    patient_id: str
    frame_of_reference_uid: str | None
    referenced_sop_instance_uids: tuple[str, ...] = ()
    items: tuple[RegistrationItem, ...] = ()
    content_label: str = ""
    content_description: str = ""
    creator_name: str = ""
    manufacturer: str = ""
    created: str | None = None
    refusal: RegistrationRefusal | None = None
    detail: str = ""

    @property
    def transform_items(self) -> tuple[RegistrationItem, ...]:
        """Items that are transforms: neither refused nor the identity item of the REG's own frame."""
        return tuple(item for item in self.items if item.refusal is None and not item.own_frame)


def read_registration(dataset: Dataset) -> Registration:
    """Read a Spatial or Deformable Spatial Registration object.

    Parameters
    ----------
    dataset
        The whole object, as pydicom reads it.

    Returns
    -------
    Registration
        With a reason if the object or one of its items cannot be used.
    """
    registration = _read_header(dataset)
    if registration.sop_class_uid not in REGISTRATIONS:
        detail = f"SOP Class UID {registration.sop_class_uid or 'absent'}"
        return replace(registration, refusal=RegistrationRefusal.NOT_A_REGISTRATION, detail=detail)
    deformable = registration.sop_class_uid == DeformableSpatialRegistrationStorage
    keyword = "DeformableRegistrationSequence" if deformable else "RegistrationSequence"
    sequence = items(dataset, keyword)
    if not sequence:
        detail = f"{keyword} is absent or empty"
        return replace(registration, refusal=RegistrationRefusal.NO_REGISTRATION, detail=detail)
    read = _read_deformable_item if deformable else _read_matrix_item
    return _judge_frames(registration, [read(number, item) for number, item in enumerate(sequence, start=1)])


def _read_header(dataset: Dataset) -> Registration:
    return Registration(
        sop_instance_uid=text(dataset, "SOPInstanceUID") or "",
        sop_class_uid=text(dataset, "SOPClassUID") or "",
        study_instance_uid=text(dataset, "StudyInstanceUID") or "",
        series_instance_uid=text(dataset, "SeriesInstanceUID") or "",
        patient_id=text(dataset, "PatientID") or "",
        frame_of_reference_uid=_frame(dataset, "FrameOfReferenceUID"),
        content_label=text(dataset, "ContentLabel") or "",
        content_description=text(dataset, "ContentDescription") or "",
        creator_name=text(dataset, "ContentCreatorName") or "",
        manufacturer=text(dataset, "Manufacturer") or "",
        created=_created(dataset),
    )


def _frame(dataset: Dataset, keyword: str) -> str | None:
    """A Frame of Reference UID; None if the value names no frame."""
    return frame_uid(text(dataset, keyword) or "") or None


def _created(dataset: Dataset) -> str | None:
    """When the content was made; Content Date is type 1 of the module, the rest is for files that lack it."""
    zone = read_timezone(text(dataset, "TimezoneOffsetFromUTC") or "")
    for prefix in ("Content", "InstanceCreation", "Series"):
        day = read_date(text(dataset, f"{prefix}Date") or "")
        clock = read_time(text(dataset, f"{prefix}Time") or "") or time()
        if day is not None:
            return datetime.combine(day, clock, zone).isoformat()
    return None


def _read_matrix_item(number: int, item: Dataset) -> RegistrationItem:
    empty = RegistrationItem(
        number=number,
        frame_of_reference_uid=_frame(item, "FrameOfReferenceUID"),
        referenced_sop_instance_uids=_referenced_images(item),
    )
    try:
        matrix, matrix_type = read_matrix_sequence(item)
    except RefusedError as refused:
        return replace(empty, refusal=refused.refusal, detail=refused.detail)
    matrix.setflags(write=False)
    detail = declared_type_mismatch(matrix, matrix_type)
    return replace(empty, matrix=matrix, matrix_type=matrix_type, detail=detail)


def _read_deformable_item(number: int, item: Dataset) -> RegistrationItem:
    empty = RegistrationItem(
        number=number,
        frame_of_reference_uid=_frame(item, "SourceFrameOfReferenceUID"),
        referenced_sop_instance_uids=_referenced_images(item),
    )
    try:
        field = read_displacement_field(item)
        if field is not None:
            return replace(empty, field=field)
        pre, post = read_pre_and_post(item)
        matrix = affine.invert(affine.compose(post, pre))
        check_matrix(matrix)
    except RefusedError as refused:
        return replace(empty, refusal=refused.refusal, detail=refused.detail)
    matrix.setflags(write=False)
    return replace(empty, matrix=matrix)


def _referenced_images(item: Dataset) -> tuple[str, ...]:
    references = (text(image, "ReferencedSOPInstanceUID") for image in items(item, "ReferencedImageSequence"))
    return tuple(uid for uid in references if uid)


def _judge_frames(registration: Registration, read: list[RegistrationItem]) -> Registration:
    """Find the identity item that names the REG's own frame; refuse items that name no frame, or the same one.

    The frames of images are not known here: an identity item without a UID, in an object with its own frame, is a transform
    unless its images turn out to be in that same frame (`longitudinal.transforms.stored`).
    """
    own = registration.frame_of_reference_uid
    identities = [item for item in read if _is_identity(item)]
    named = next(
        (
            item
            for item in identities
            if item.frame_of_reference_uid and own in (None, item.frame_of_reference_uid)
        ),
        None,
    )
    if own is None and named is not None:
        own = named.frame_of_reference_uid  # an identity: its frame and the object's nameless one coincide
    naming = named or next((item for item in identities if _is_named_by_images(item)), None)
    images = naming.referenced_sop_instance_uids if naming is not None else ()
    known = bool(own or images)
    judged = (
        replace(item, own_frame=True)
        if item is named or (item is naming and own is None)
        else _judge_item(item, own, known)
        for item in read
    )
    return replace(
        registration, frame_of_reference_uid=own, referenced_sop_instance_uids=images, items=tuple(judged)
    )


def _is_identity(item: RegistrationItem) -> bool:
    return item.matrix is not None and affine.is_identity(item.matrix)


def _is_named_by_images(item: RegistrationItem) -> bool:
    return item.frame_of_reference_uid is None and bool(item.referenced_sop_instance_uids)


def _judge_item(item: RegistrationItem, own: str | None, own_frame_known: bool) -> RegistrationItem:
    if item.refusal is not None:
        return item
    if not item.frame_of_reference_uid and not item.referenced_sop_instance_uids:
        return _refuse(
            item,
            RegistrationRefusal.NO_FRAME,
            "the item has no Frame of Reference UID and references no image",
        )
    if not own_frame_known:
        return _refuse(
            item, RegistrationRefusal.NO_FRAME, "the object has no Frame of Reference UID of its own"
        )
    if own is not None and item.frame_of_reference_uid == own:
        if _is_identity(item):
            return replace(item, own_frame=True)
        return _refuse(item, RegistrationRefusal.SAME_FRAME, "the item moves the object's own frame")
    return item


def _refuse(item: RegistrationItem, refusal: RegistrationRefusal, detail: str) -> RegistrationItem:
    return replace(item, matrix=None, field=None, refusal=refusal, detail=detail)
