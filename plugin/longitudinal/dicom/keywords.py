"""Keywords of attributes (PS3.6) and their tags, as DICOMweb writes them: "00100010"."""

import re
from functools import lru_cache

from pydicom.datadict import keyword_for_tag, tag_for_keyword

_HEX = re.compile(r"[0-9A-Fa-f]{4},?[0-9A-Fa-f]{4}")


def tag_of(keyword: str) -> str:
    """The tag of a keyword; "" where the standard has none.

    >>> tag_of("PatientName"), tag_of("PatientsName")
    ('00100010', '')
    """
    tag = tag_for_keyword(keyword)
    return "" if tag is None else f"{tag:08X}"


@lru_cache(maxsize=1_000)
def attribute_of(name: str) -> frozenset[str]:
    """The keywords of a search argument: a keyword or tag, or several joined by dots, in whatever case.

    >>> sorted(attribute_of("patientname")), sorted(attribute_of("00400275.00100010"))
    (['PatientName'], ['PatientName', 'RequestAttributesSequence'])
    """
    return frozenset(keyword for part in name.split(".") if (keyword := _keyword(part.strip())))


def _keyword(part: str) -> str:
    if _HEX.fullmatch(part):
        return keyword_for_tag(int(part.replace(",", ""), 16))
    return _by_lower_case().get(part.lower(), "")


@lru_cache(maxsize=1)
def _by_lower_case() -> dict[str, str]:
    from pydicom._dicom_dict import DicomDictionary

    return {entry[4].lower(): entry[4] for entry in DicomDictionary.values() if entry[4]}
