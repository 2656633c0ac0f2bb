"""How a series was acquired: its contrast, and which part of the body it shows."""

import math

import msgspec

from longitudinal.dicom import tag_names as tag
from longitudinal.dicom.planes.contrast import Contrast
from longitudinal.dicom.tags import Tags, text

_HEAD, _NECK, _CHEST, _ABDOMEN, _PELVIS, _ARM, _LEG = (
    "head",
    "neck",
    "chest",
    "abdomen",
    "pelvis",
    "arm",
    "leg",
)
_TRUNK = (_CHEST, _ABDOMEN, _PELVIS)
_REGIONS: dict[str, tuple[str, ...]] = {
    "HEAD": (_HEAD,), "BRAIN": (_HEAD,), "SKULL": (_HEAD,), "ORBIT": (_HEAD,), "FACE": (_HEAD,), "SINUS": (_HEAD,),
    "PITUITARY": (_HEAD,), "IAC": (_HEAD,), "JAW": (_HEAD,), "NECK": (_NECK, _HEAD), "CSPINE": (_NECK,),
    "THYROID": (_NECK,), "CHEST": (_CHEST,), "THORAX": (_CHEST,), "LUNG": (_CHEST,), "HEART": (_CHEST,),
    "BREAST": (_CHEST,), "TSPINE": (_CHEST,), "ABDOMEN": (_ABDOMEN,), "LIVER": (_ABDOMEN,), "KIDNEY": (_ABDOMEN,),
    "PANCREAS": (_ABDOMEN,), "LSPINE": (_ABDOMEN, _PELVIS), "PELVIS": (_PELVIS,), "PROSTATE": (_PELVIS,),
    "BLADDER": (_PELVIS,), "UTERUS": (_PELVIS,), "HIP": (_PELVIS, _LEG), "SHOULDER": (_ARM, _CHEST), "ARM": (_ARM,),
    "ELBOW": (_ARM,), "WRIST": (_ARM,), "HAND": (_ARM,), "LEG": (_LEG,), "KNEE": (_LEG,), "ANKLE": (_LEG,),
    "FOOT": (_LEG,), "SPINE": (_NECK, *_TRUNK), "WHOLEBODY": (_HEAD, _NECK, *_TRUNK, _ARM, _LEG), "BODY": _TRUNK,
}  # fmt: skip
"""Body Part Examined (PS3.16 annex L) by region; a term that joins several, such as CHESTABDPELVIS, is split."""
_ABBREVIATIONS = {"ABD": "ABDOMEN"}


class Acquisition(msgspec.Struct, frozen=True):
    """The data that decide whether two series can be compared.

    Attributes
    ----------
    regions
        Parts of the body; empty if the object does not state them.
    description
        Series Description in capitals: one protocol keeps its name.
    """

    contrast: Contrast
    regions: frozenset[str] = frozenset()
    description: str = ""

    def shows_the_same_as(self, other: "Acquisition") -> bool:
        """Whether both show the same part of the body, as far as is known."""
        return not self.regions or not other.regions or bool(self.regions & other.regions)

    def looks_like(self, other: "Acquisition") -> bool:
        """Whether equal tissue is equally bright in both: by timing, otherwise by the name of the protocol."""
        if self.contrast.modality != other.contrast.modality:
            return False
        return self.contrast.is_like(other.contrast) or (
            bool(self.description) and self.description == other.description
        )


def read_acquisition(tags: Tags) -> Acquisition:
    """Read it from the tags of one instance; never raises because of its content."""
    return Acquisition(
        Contrast.from_tags(tags),
        regions_of(text(tags, tag.BODY_PART_EXAMINED)),
        " ".join(text(tags, tag.SERIES_DESCRIPTION).upper().split()),
    )


def regions_of(body_part: str) -> frozenset[str]:
    """The regions that Body Part Examined names; empty if it is absent or unknown.

    >>> sorted(regions_of("BRAIN")), sorted(regions_of("CHESTABDPELVIS")), sorted(regions_of("MISC"))
    (['head'], ['abdomen', 'chest', 'pelvis'], [])
    """
    letters = "".join(letter for letter in body_part.upper() if letter.isalpha())
    if letters in _REGIONS:
        return frozenset(_REGIONS[letters])
    found: set[str] = set()
    for term in sorted((*_REGIONS, *_ABBREVIATIONS), key=len, reverse=True):
        if term in letters:
            found.update(_REGIONS[_ABBREVIATIONS.get(term, term)])
            letters = letters.replace(term, " ")
    return frozenset(found)


def milliseconds(value: float) -> float | None:
    """A time of a contrast for JSON; None when unknown."""
    return value if math.isfinite(value) else None
