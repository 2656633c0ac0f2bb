"""Makes records of the transforms that a stored registration object states."""

from collections.abc import Mapping
from io import BytesIO

import pydicom

from longitudinal.dicom.character_sets import CharacterSet
from longitudinal.dicom.dataset_tags import with_unicode
from longitudinal.dicom.registration.authorship import Equipment
from longitudinal.dicom.registration.spatial_registration import (
    Registration,
    RegistrationItem,
    read_registration,
)
from longitudinal.reasons import RegistrationRefusal
from longitudinal.sidecar.tables.records import Notes, TransformRecord
from longitudinal.transforms.displacement_grid import DisplacementGrid
from longitudinal.transforms.grid_storage import LARGEST_EXACT_BYTES


def read_transforms(
    file: bytes, notes: Mapping[int, Notes], default: CharacterSet
) -> tuple[tuple[TransformRecord, ...], str | None, str]:
    """The items of a registration object, and why none of them can be used."""
    try:
        registration = read_registration(with_unicode(pydicom.dcmread(BytesIO(file)), default))
    except (
        Exception
    ) as error:  # pydicom raises what it likes on a damaged file; the object stays stored all the same
        return (), str(RegistrationRefusal.NOT_A_REGISTRATION), f"the file cannot be read: {error}"
    # an item of the object's own frame is no transform, but its images may say that it lies elsewhere
    items = tuple(
        _transform_record(registration, item, notes.get(item.number, Notes()))
        for item in registration.items
        if not item.own_frame or item.referenced_sop_instance_uids
    )
    if registration.refusal is None and items and all(item.refusal for item in items):
        return items, items[0].refusal, "; ".join(f"item {item.item}: {item.detail}" for item in items)
    refusal = None if registration.refusal is None else str(registration.refusal)
    return items, refusal, registration.detail


def _largest_exact(registration: Registration) -> int:
    """A field made by the plugin has steps of 0.01 mm anyway; any other is kept unchanged if it is small."""
    return 0 if registration.manufacturer == Equipment().manufacturer else LARGEST_EXACT_BYTES


def _transform_record(registration: Registration, item: RegistrationItem, notes: Notes) -> TransformRecord:
    return TransformRecord(
        item=item.number,
        source_frame=item.frame_of_reference_uid,
        source_references=item.referenced_sop_instance_uids,
        target_frame=registration.frame_of_reference_uid,
        target_references=registration.referenced_sop_instance_uids,
        kind=item.method,
        matrix=None if item.matrix is None else item.matrix.astype("<f8").tobytes(),
        grid=None
        if item.field is None
        else DisplacementGrid(item.field).to_bytes(_largest_exact(registration)),
        refusal=None if item.refusal is None else str(item.refusal),
        detail=item.detail,
        origin="vendor",
        label=registration.content_label or "",
        created=registration.created,
        creator=registration.creator_name or "",
        maker=registration.manufacturer,
        notes=notes,
    )
