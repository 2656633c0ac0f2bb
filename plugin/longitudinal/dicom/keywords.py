"""The data dictionary of the standard (PS3.6): keywords of attributes, names, VRs and tags.

It is pydicom's, which is imported when somebody asks: to import it takes a fifth of the plugin's start.
"""

import re
from functools import lru_cache

from longitudinal.dicom.tag_names import number_of
from longitudinal.dicom.whole_library import load_pydicom

_HEX = re.compile(r"[0-9A-Fa-f]{4},?[0-9A-Fa-f]{4}")


def tag_of(keyword: str) -> str:
    """The tag of a keyword, as DICOMweb writes it; "" where the standard has none.

    >>> tag_of("PatientName"), tag_of("PatientsName")
    ('00100010', '')
    """
    load_pydicom()
    from pydicom.datadict import tag_for_keyword

    tag = tag_for_keyword(keyword)
    return "" if tag is None else f"{tag:08X}"


def keyword_of(tag: str) -> str:
    """The keyword of a tag, written as "0010,0010" or "00100010"; "" where the standard has none.

    >>> keyword_of("0010,0010"), keyword_of("00091010")
    ('PatientName', '')
    """
    load_pydicom()
    from pydicom.datadict import keyword_for_tag

    return keyword_for_tag(number_of(tag))


def entry_of(number: int) -> tuple[str, str, str] | None:
    """Keyword, name and VR of a tag; None where the standard has none.

    >>> entry_of(0x00200032)
    ('ImagePositionPatient', 'Image Position (Patient)', 'DS')
    """
    load_pydicom()
    from pydicom.datadict import dictionary_description, dictionary_has_tag, dictionary_VR, keyword_for_tag

    if not dictionary_has_tag(number):
        return None
    return keyword_for_tag(number), dictionary_description(number), dictionary_VR(number)


@lru_cache(maxsize=1)
def sequences() -> frozenset[int]:
    """Every sequence of the standard."""
    load_pydicom()
    from pydicom._dicom_dict import DicomDictionary

    return frozenset(tag for tag, entry in DicomDictionary.items() if entry[0] == "SQ")


@lru_cache(maxsize=1_000)
def attribute_of(name: str) -> frozenset[str]:
    """The keywords of a search argument: a keyword or tag, or several joined by dots, in whatever case.

    >>> sorted(attribute_of("patientname")), sorted(attribute_of("00400275.00100010"))
    (['PatientName'], ['PatientName', 'RequestAttributesSequence'])
    """
    return frozenset(keyword for part in name.split(".") if (keyword := _keyword(part.strip())))


def _keyword(part: str) -> str:
    return keyword_of(part) if _HEX.fullmatch(part) else _by_lower_case().get(part.lower(), "")


@lru_cache(maxsize=1)
def _by_lower_case() -> dict[str, str]:
    load_pydicom()
    from pydicom._dicom_dict import DicomDictionary

    return {entry[4].lower(): entry[4] for entry in DicomDictionary.values() if entry[4]}
