"""SOP classes with a reader of their own, or without geometry (PS3.4 B.5)."""

from typing import Final

_STORAGE = "1.2.840.10008.5.1.4.1.1."

NUCLEAR_MEDICINE: Final = _STORAGE + "20"
RT_DOSE: Final = _STORAGE + "481.2"

SEGMENTATIONS: Final = frozenset({_STORAGE + "66.4", _STORAGE + "66.7"})
"""Segmentation and Label Map Segmentation."""

WHOLE_SLIDE: Final = frozenset({_STORAGE + "77.1.6"})

PARAMETRIC_MAP: Final = _STORAGE + "30"

SECONDARY_CAPTURES: Final = frozenset({_STORAGE + "7", *(f"{_STORAGE}7.{number}" for number in range(1, 5))})

PROJECTIONS: Final = frozenset(
    _STORAGE + suffix
    for suffix in (
        "1",  # Computed Radiography
        "1.1",  # Digital X-Ray, for presentation and for processing
        "1.1.1",
        "1.2",  # Digital Mammography
        "1.2.1",
        "1.3",  # Digital Intra-Oral
        "1.3.1",
        "12.1",  # X-Ray Angiographic, classic and enhanced
        "12.1.1",
        "12.2",  # X-Ray Radiofluoroscopic, classic and enhanced
        "12.2.1",
        "12.3",  # X-Ray Angiographic Bi-Plane, retired
        "13.1.4",  # Breast Projection X-Ray
        "13.1.5",
        "481.1",  # RT Image
        "481.23",  # Enhanced RT Image, also continuous
        "481.24",
    )
)

NO_IMAGES: Final = frozenset(
    _STORAGE + suffix
    for suffix in (
        "4.2",  # MR Spectroscopy
        "66",  # Raw Data
        "66.1",  # Spatial Registration
        "66.2",  # Spatial Fiducials
        "66.3",  # Deformable Spatial Registration
        "66.5",  # Surface Segmentation
        "66.6",  # Tractography Results
        "67",  # Real World Value Mapping
        "481.3",  # RT Structure Set
        "481.4",  # RT Beams Treatment Record
        "481.5",  # RT Plan
        "481.6",  # RT Brachy Treatment Record
        "481.7",  # RT Treatment Summary Record
        "481.8",  # RT Ion Plan
        "481.9",  # RT Ion Beams Treatment Record
    )
)
"""Objects that are never images, whatever their header says; for every other class pixels decide."""

CT_IMAGES: Final = frozenset(_STORAGE + suffix for suffix in ("2", "2.1", "2.2"))
"""CT, enhanced CT and legacy converted enhanced CT."""

MR_IMAGES: Final = frozenset(_STORAGE + suffix for suffix in ("4", "4.1", "4.3", "4.4"))
"""MR, enhanced MR, enhanced MR color and legacy converted enhanced MR."""

RT_STRUCTURE_SET: Final = _STORAGE + "481.3"
RT_PLANS: Final = frozenset({_STORAGE + "481.5", _STORAGE + "481.8"})
"""RT Plan and RT Ion Plan."""
RT_IMAGE: Final = _STORAGE + "481.1"
RT_RECORDS: Final = frozenset(_STORAGE + suffix for suffix in ("481.4", "481.6", "481.7", "481.9"))
"""Treatment records: beams, brachytherapy, summary, ion beams."""
REGISTRATIONS: Final = frozenset({_STORAGE + "66.1", _STORAGE + "66.3"})
REPORTS: Final = frozenset(f"{_STORAGE}88.{number}" for number in ("22", "33", "34", "35"))
"""Enhanced, Comprehensive, Comprehensive 3D and Extensible SR: those that can have coordinates of a measurement."""
SPATIAL_FIDUCIALS: Final = _STORAGE + "66.2"

_RELATED_PREFIXES: Final = (
    _STORAGE + "481.",  # radiotherapy, both generations
    _STORAGE + "11.",  # presentation states
    _STORAGE + "88.",  # structured reports, key objects
    _STORAGE + "34.",  # delivery instructions and their like
)
_RELATED: Final = REGISTRATIONS | SEGMENTATIONS | {SPATIAL_FIDUCIALS, PARAMETRIC_MAP, _STORAGE + "66.5"}


def names_others(sop_class_uid: str) -> bool:
    """Whether objects of a class are there for the objects they reference: RT, REG, fiducials, SEG, PR, KO, SR.

    >>> names_others("1.2.840.10008.5.1.4.1.1.481.3"), names_others("1.2.840.10008.5.1.4.1.1.2")
    (True, False)
    """
    return sop_class_uid in _RELATED or sop_class_uid.startswith(_RELATED_PREFIXES)
