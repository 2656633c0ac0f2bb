"""SOP classes whose geometry is read in a way of their own, or not at all (PS3.4 B.5)."""

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
    )
)
