"""RT Plan and RT Ion Plan: intent, prescription, fraction groups, beams (PS3.3 C.8.8.9 to C.8.8.14, C.8.8.25)."""

from __future__ import annotations

from typing import Final

import msgspec

from longitudinal.dicom.related.elements import Elements
from longitudinal.dicom.related.values import Reader, code, integer, items, number

_LABEL, _NAME, _DATE, _INTENT, _GEOMETRY, _APPROVAL = (
    0x300A_0002, 0x300A_0003, 0x300A_0006, 0x300A_000A, 0x300A_000C, 0x300E_0002,
)  # fmt: skip
_DOSE_REFERENCES, _REFERENCE_NUMBER, _STRUCTURE_TYPE, _DESCRIPTION, _REFERENCE_TYPE, _PRESCRIPTION, _ROI = (
    0x300A_0010, 0x300A_0012, 0x300A_0014, 0x300A_0016, 0x300A_0020, 0x300A_0026, 0x3006_0084,
)  # fmt: skip
_GROUPS, _GROUP_NUMBER, _FRACTIONS, _GROUP_BEAMS, _BEAM_REFERENCE, _BEAM_DOSE, _METERSET = (
    0x300A_0070, 0x300A_0071, 0x300A_0078, 0x300C_0004, 0x300C_0006, 0x300A_0084, 0x300A_0086,
)  # fmt: skip
_BEAMS, _ION_BEAMS, _BEAM_NUMBER, _BEAM_NAME, _BEAM_TYPE, _RADIATION, _MACHINE, _DELIVERY = (
    0x300A_00B0, 0x300A_03A2, 0x300A_00C0, 0x300A_00C2, 0x300A_00C4, 0x300A_00C6, 0x300A_00B2, 0x300A_00CE,
)  # fmt: skip

PLAN_TAGS: Final = frozenset(
    {_LABEL, _NAME, _DATE, _INTENT, _GEOMETRY, _APPROVAL, _DOSE_REFERENCES, _REFERENCE_NUMBER, _STRUCTURE_TYPE, _DESCRIPTION,
     _REFERENCE_TYPE, _PRESCRIPTION, _ROI, _GROUPS, _GROUP_NUMBER, _FRACTIONS, _GROUP_BEAMS, _BEAM_REFERENCE, _BEAM_DOSE,
     _METERSET, _BEAMS, _ION_BEAMS, _BEAM_NUMBER, _BEAM_NAME, _BEAM_TYPE, _RADIATION, _MACHINE,
     _DELIVERY}
)  # fmt: skip


class Beam(msgspec.Struct, frozen=True, rename="camel"):
    """One beam; `delivery` is TREATMENT, SETUP, OPEN_PORTFILM..."""

    number: int | None
    name: str
    type: str
    radiation: str
    machine: str
    delivery: str


class FractionGroup(msgspec.Struct, frozen=True, rename="camel"):
    """Beams that are given together; `beam_dose_gy` is the sum over its beams of one fraction, where each states it."""

    number: int | None
    fractions_planned: int | None
    beams: tuple[int, ...]
    beam_dose_gy: float | None


class Prescription(msgspec.Struct, frozen=True, rename="camel"):
    """A dose reference: what is to be given, and to which ROI of the structure set."""

    number: int | None
    type: str
    structure_type: str
    description: str
    roi_number: int | None
    target_gy: float | None


class Plan(msgspec.Struct, frozen=True, rename="camel"):
    """What a plan states; `date` as DICOM writes it, `geometry` PATIENT or TREATMENT_DEVICE."""

    label: str
    name: str
    date: str
    intent: str
    geometry: str
    approval: str
    prescriptions: tuple[Prescription, ...]
    fraction_groups: tuple[FractionGroup, ...]
    beams: tuple[Beam, ...]


def read_plan(root: Elements, reader: Reader) -> Plan:
    """Read a plan; what is absent or malformed is "" or None."""
    return Plan(
        label=reader.text(root, _LABEL),
        name=reader.text(root, _NAME),
        date=code(root, _DATE),
        intent=code(root, _INTENT),
        geometry=code(root, _GEOMETRY),
        approval=code(root, _APPROVAL),
        prescriptions=tuple(
            Prescription(
                integer(item, _REFERENCE_NUMBER), code(item, _REFERENCE_TYPE), code(item, _STRUCTURE_TYPE),
                reader.text(item, _DESCRIPTION), integer(item, _ROI), number(item, _PRESCRIPTION),
            )
            for item in items(root, _DOSE_REFERENCES)
        ),
        fraction_groups=tuple(_group(item) for item in items(root, _GROUPS)),
        beams=tuple(
            Beam(
                integer(item, _BEAM_NUMBER), reader.text(item, _BEAM_NAME), code(item, _BEAM_TYPE), code(item, _RADIATION),
                reader.text(item, _MACHINE), code(item, _DELIVERY),
            )
            for item in (*items(root, _BEAMS), *items(root, _ION_BEAMS))
        ),
    )  # fmt: skip


def _group(item: Elements) -> FractionGroup:
    referenced = items(item, _GROUP_BEAMS)
    doses = [number(beam, _BEAM_DOSE) for beam in referenced]
    known = [dose for dose in doses if dose is not None]
    return FractionGroup(
        number=integer(item, _GROUP_NUMBER),
        fractions_planned=integer(item, _FRACTIONS),
        beams=tuple(beam for each in referenced if (beam := integer(each, _BEAM_REFERENCE)) is not None),
        beam_dose_gy=sum(known) if known and len(known) == len(doses) else None,
    )
