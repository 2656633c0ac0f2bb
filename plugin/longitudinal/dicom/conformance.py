"""Where the header of a file breaks the standard: attributes of type 1 missing or empty, wrong VRs, wrong values, bad UIDs.

Only the top level of the data set is looked at, without decoding what is not looked at: an uploader waits for it. This is a
warning for people, not a validation: the modules are the few that every image has, and those of CT, MR and PET images.
"""

import re
from collections.abc import Iterator
from io import BytesIO

import pydicom
from pydicom import config
from pydicom.datadict import dictionary_VR, keyword_for_tag, tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag
from pydicom.uid import UID
from pydicom.valuerep import validate_value

from longitudinal.dicom.header_fault import Fault, HeaderFault

MOST_WARNINGS = 20
"""Of one file: a header that is wrong throughout is wrong after the twentieth."""

# Type 1 of the SOP Common, General Study, General Series modules (PS3.3 C.12.1, C.7.2.1, C.7.3.1).
_EVERY = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "Modality")
# Type 2: may be empty, must be there (PS3.3 C.7.1.1, C.7.2.1, C.7.3.1).
_EVERY_TYPE_2 = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "ReferringPhysicianName",
    "StudyID", "AccessionNumber", "SeriesNumber",
)  # fmt: skip
# Type 1 of the Image Pixel module (PS3.3 C.7.6.3).
_PIXELS = (
    "SamplesPerPixel", "PhotometricInterpretation", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit",
    "PixelRepresentation",
)  # fmt: skip
# Type 1 of the Frame of Reference and Image Plane modules (PS3.3 C.7.4.1, C.7.6.2).
_PLANE = ("FrameOfReferenceUID", "PixelSpacing", "ImageOrientationPatient", "ImagePositionPatient")
# Type 1 of CT Image, MR Image, PET Image (PS3.3 C.8.2.1, C.8.3.1, C.8.9.4).
_BY_CLASS = {
    "1.2.840.10008.5.1.4.1.1.2": (*_PLANE, "ImageType", "RescaleIntercept", "RescaleSlope"),
    "1.2.840.10008.5.1.4.1.1.4": (*_PLANE, "ImageType", "ScanningSequence", "SequenceVariant"),
    "1.2.840.10008.5.1.4.1.1.128": (
        *_PLANE,
        "ImageType",
        "RescaleIntercept",
        "RescaleSlope",
        "FrameReferenceTime",
    ),
}
_PIXEL_DATA = tuple(tag_for_keyword(name) for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData"))
# Text of these has a form, and ASCII alone.
_WITH_FORM = frozenset({"AE", "AS", "CS", "DA", "DS", "DT", "IS", "TM", "UI"})
# Zeros in these are a value, not padding.
_BINARY = frozenset(
    {"AT", "FD", "FL", "OB", "OD", "OF", "OL", "OV", "OW", "SL", "SS", "SV", "UL", "US", "UV"}
)
_OF_FILE_META = {"MediaStorageSOPClassUID": "SOPClassUID", "MediaStorageSOPInstanceUID": "SOPInstanceUID"}
_UID = re.compile(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))+")
_LONGEST_UID = 64
_SHOWN = 40
_LARGEST_TEXT = 4_096


def header_faults(file: bytes) -> list[HeaderFault]:
    """The faults of a header, at most `MOST_WARNINGS`. Never raises: a file that pydicom cannot read has one."""
    try:
        ds = pydicom.dcmread(BytesIO(file), force=True, stop_before_pixels=True)
        has_pixels = "Rows" in ds or "Columns" in ds or any(tag in ds for tag in _PIXEL_DATA if tag)
        found: list[HeaderFault] = []
        for fault in _faults(ds, has_pixels):
            found.append(fault)
            if len(found) >= MOST_WARNINGS:
                break
        return found
    except Exception as error:  # pydicom raises what it likes on a damaged file
        return [HeaderFault("badValue", "", "", f"the header cannot be read to its end: {str(error)[:200]}")]


def _faults(ds: Dataset, has_pixels: bool) -> Iterator[HeaderFault]:
    sop_class = _text(ds, "SOPClassUID")
    needed = (*_EVERY, *(_PIXELS if has_pixels else ()), *_BY_CLASS.get(sop_class, ()))
    for keyword in needed:
        tag = tag_for_keyword(keyword)
        if tag is None:
            continue
        if tag not in ds:
            yield _fault("missing", tag, "type 1: must be there with a value")
        elif not _has_value(ds, tag):
            yield _fault("empty", tag, "type 1: must have a value")
    for keyword in _EVERY_TYPE_2:
        tag = tag_for_keyword(keyword)
        if tag is not None and tag not in ds:
            yield _fault("missing", tag, "type 2: must be there, if only without a value")
    yield from _of_file_meta(ds)
    for tag in sorted(ds.keys()):
        yield from _of_element(ds, BaseTag(tag))


def _of_file_meta(ds: Dataset) -> Iterator[HeaderFault]:
    """Where the file meta information is not there, or names another object than the file has (PS3.10 7.1)."""
    meta = getattr(ds, "file_meta", None)
    if meta is None or "TransferSyntaxUID" not in meta:
        yield _fault("missing", 0x00020010, "the file states no transfer syntax (PS3.10 7.1)")
    for keyword, of_object in _OF_FILE_META.items():
        tag = tag_for_keyword(keyword)
        if meta is None or tag is None or tag not in meta:
            continue
        stated, actual = _text(meta, keyword), _text(ds, of_object)
        if stated != actual:
            yield _fault("badUid", tag, f"{_shown(stated)} is not the file's {of_object}, {_shown(actual)}")


def _of_element(ds: Dataset, tag: BaseTag) -> Iterator[HeaderFault]:
    element: DataElement | RawDataElement | None = ds.get_item(tag)
    if tag.is_private or element is None:
        return
    try:
        allowed = dictionary_VR(tag).split(" or ")
    except KeyError:
        return
    vr = element.VR or allowed[0]  # implicit VR states none
    # UN is allowed for what the sender does not know (PS3.5 6.2.2)
    if vr not in (*allowed, "UN"):
        yield _fault("wrongVr", tag, f"is {vr}, must be {' or '.join(allowed)}")
        return
    if vr in _WITH_FORM and isinstance(element, RawDataElement):
        yield from _of_values(tag, vr, element.value or b"")


def _of_values(tag: BaseTag, vr: str, raw: bytes) -> Iterator[HeaderFault]:
    if len(raw) > _LARGEST_TEXT:
        return
    text = raw.decode("ascii", "replace").rstrip(" \0")
    for value in text.split("\\") if text else ():
        if vr == "UI":
            if len(value) > _LONGEST_UID or _UID.fullmatch(value) is None:
                yield _fault("badUid", tag, f"{_shown(value)} is not a UID (PS3.5 9.1)")
                return
            continue
        try:
            validate_value(vr, value.strip(" "), config.RAISE)
        except ValueError:
            yield _fault("badValue", tag, f"{_shown(value)} is not a value of {vr} (PS3.5 6.2)")
            return


def _fault(fault: Fault, tag: int, detail: str) -> HeaderFault:
    group, element = tag >> 16, tag & 0xFFFF
    return HeaderFault(fault, f"{group:04X},{element:04X}", keyword_for_tag(tag), detail)


def _has_value(ds: Dataset, tag: int) -> bool:
    element: DataElement | RawDataElement | None = ds.get_item(tag)
    vr = None if element is None else element.VR or dictionary_VR(tag).split(" or ")[0]
    return len(_raw(ds, tag) if vr in _BINARY else _raw(ds, tag).strip(b" \0")) > 0


def _raw(ds: Dataset, tag: int) -> bytes:
    element: DataElement | RawDataElement | None = ds.get_item(tag)
    if isinstance(element, RawDataElement):
        return element.value or b""
    return b"" if element is None or element.value in (None, "") else b"x"


def _text(ds: Dataset, keyword: str) -> str:
    tag = tag_for_keyword(keyword)
    return (
        ""
        if tag is None or tag not in ds
        else str(UID(_raw(ds, tag).decode("ascii", "replace").rstrip(" \0")))
    )


def _shown(value: str) -> str:
    return repr(value if len(value) <= _SHOWN else f"{value[:_SHOWN]}...")
