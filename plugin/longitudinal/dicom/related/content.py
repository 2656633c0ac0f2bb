"""What the index keeps of an object that is there for others: its references, and what it states about itself."""

from __future__ import annotations

import zlib
from typing import Final

import msgspec

from longitudinal.dicom.character_sets import CharacterSet, character_set
from longitudinal.dicom.radiotherapy.dose import DOSE_TAGS, Dose, read_dose
from longitudinal.dicom.radiotherapy.plan import PLAN_TAGS, Plan, read_plan
from longitudinal.dicom.radiotherapy.record import (
    IMAGE_TAGS,
    RECORD_TAGS,
    Record,
    RtImage,
    read_record,
    read_rt_image,
)
from longitudinal.dicom.radiotherapy.segments import SEGMENT_TAGS, Segmentation, read_segmentation
from longitudinal.dicom.radiotherapy.structure_set import STRUCTURE_SET_TAGS, StructureSet, read_structure_set
from longitudinal.dicom.related.elements import Buffer, DamagedFile, ElementReader, Elements
from longitudinal.dicom.related.references import (
    REFERENCE_SEQUENCES,
    REFERENCE_TAGS,
    Reference,
    read_references,
)
from longitudinal.dicom.related.values import Reader, code
from longitudinal.dicom.sop_classes import (
    RT_DOSE,
    RT_IMAGE,
    RT_PLANS,
    RT_RECORDS,
    RT_STRUCTURE_SET,
    SEGMENTATIONS,
)

_SOP_CLASS, _CHARACTER_SET, _TITLE = 0x0008_0016, 0x0008_0005, 0x0070_0080
_COMMON: Final = REFERENCE_TAGS | REFERENCE_SEQUENCES | {_SOP_CLASS, _CHARACTER_SET, _TITLE}


class Content(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """References and statements of one object; `damage` says what could not be read of it."""

    references: tuple[Reference, ...] = ()
    structure_set: StructureSet | None = None
    plan: Plan | None = None
    dose: Dose | None = None
    record: Record | None = None
    rt_image: RtImage | None = None
    segmentation: Segmentation | None = None
    label: str = ""
    damage: str = ""


_DECODER: Final = msgspec.json.Decoder(Content)

_TAGS: Final = {
    RT_STRUCTURE_SET: STRUCTURE_SET_TAGS,
    RT_DOSE: DOSE_TAGS,
    RT_IMAGE: IMAGE_TAGS,
    **dict.fromkeys(RT_PLANS, PLAN_TAGS),
    **dict.fromkeys(RT_RECORDS, RECORD_TAGS),
    **dict.fromkeys(SEGMENTATIONS, SEGMENT_TAGS),
}


def read_content(data: Buffer, sop_class_uid: str, default: CharacterSet) -> Content:
    """Read an object of a class that `names_others`; never raises because of its content."""
    try:
        root = ElementReader(data).read(_COMMON | _TAGS.get(sop_class_uid, frozenset()))
    except DamagedFile as error:
        return Content(damage=str(error))
    reader = Reader(character_set(code(root, _CHARACTER_SET), default))
    references, is_cut = read_references(root)
    damage = f"only the first {len(references)} references are read" if is_cut else ""
    return _stated(root, sop_class_uid, reader, references, damage)


def _stated(
    root: Elements, sop_class: str, reader: Reader, references: tuple[Reference, ...], damage: str
) -> Content:
    return Content(
        references=references,
        structure_set=read_structure_set(root, reader) if sop_class == RT_STRUCTURE_SET else None,
        plan=read_plan(root, reader) if sop_class in RT_PLANS else None,
        dose=read_dose(root, reader) if sop_class == RT_DOSE else None,
        record=read_record(root, reader) if sop_class in RT_RECORDS else None,
        rt_image=read_rt_image(root, reader) if sop_class == RT_IMAGE else None,
        segmentation=read_segmentation(root, reader) if sop_class in SEGMENTATIONS else None,
        label=code(root, _TITLE),
        damage=damage,
    )


def encode_content(content: Content) -> bytes:
    """As the sidecar keeps it: UIDs compress well."""
    return zlib.compress(msgspec.json.encode(content), 1)


def decode_content(body: bytes) -> Content:
    """As `encode_content` wrote it."""
    return _DECODER.decode(zlib.decompress(body))
