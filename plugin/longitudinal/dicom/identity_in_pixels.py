"""Whether the pixels of an image may show who the patient is: text that was burned in, or drawn into unused bits.

An allow-list: an image is shown in a de-identified view only where its class holds cross sections that no device writes
into, and its header does not say that somebody did. Whether a face can be recognized is not asked here.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ORIGINAL_CLASSES = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.2",  # CT
        "1.2.840.10008.5.1.4.1.1.2.1",  # Enhanced CT
        "1.2.840.10008.5.1.4.1.1.2.2",  # Legacy Converted Enhanced CT
        "1.2.840.10008.5.1.4.1.1.4",  # MR
        "1.2.840.10008.5.1.4.1.1.4.1",  # Enhanced MR
        "1.2.840.10008.5.1.4.1.1.4.4",  # Legacy Converted Enhanced MR
        "1.2.840.10008.5.1.4.1.1.20",  # NM
        "1.2.840.10008.5.1.4.1.1.128",  # PET
        "1.2.840.10008.5.1.4.1.1.128.1",  # Legacy Converted Enhanced PET
        "1.2.840.10008.5.1.4.1.1.130",  # Enhanced PET
    }
)
_MODALITIES = frozenset({"CT", "MR", "PT", "NM"})
_GREY = frozenset({"MONOCHROME1", "MONOCHROME2"})
_CLASS, _MODALITY, _IMAGE_TYPE = "0008,0016", "0008,0060", "0008,0008"
_BURNED_IN, _PHOTOMETRIC, _SAMPLES = "0028,0301", "0028,0004", "0028,0002"
_ALLOCATED, _STORED, _HIGH = "0028,0100", "0028,0101", "0028,0102"
_REPRESENTATION = "0028,0103"
_OVERLAYS = "60"
_MOST_BITS = 32


def why_identifying(tags: Mapping[str, Any]) -> str | None:
    """Why an image is left out of a de-identified view, in a sentence; None where it is shown.

    Parameters
    ----------
    tags
        Of the instance, by "gggg,eeee".

    Examples
    --------
    >>> ct = {"0008,0016": "1.2.840.10008.5.1.4.1.1.2", "0008,0060": "CT", "0008,0008": r"ORIGINAL\\PRIMARY\\AXIAL",
    ...       "0028,0004": "MONOCHROME2"}
    >>> why_identifying(ct) is None
    True
    >>> why_identifying(ct | {"0028,0301": "YES"})
    'its header says that text is burned in'
    """
    burned_in = _text(tags, _BURNED_IN)
    if burned_in == "YES":
        return "its header says that text is burned in"
    if _text(tags, _CLASS) not in _ORIGINAL_CLASSES or _text(tags, _MODALITY) not in _MODALITIES:
        return "images of its kind can have text burned in"
    if _text(tags, _PHOTOMETRIC) not in _GREY or _text(tags, _SAMPLES) not in ("", "1"):
        return "it is in colour, as pictures of a screen are"
    kind = _text(tags, _IMAGE_TYPE).split("\\")
    if kind[:2] != ["ORIGINAL", "PRIMARY"] and burned_in != "NO":
        return "it was computed from other images, and its header does not say that no text is burned in"
    if not _is_full(tags) and any(_is_embedded(name, _text(tags, name)) for name in tags):
        return "an overlay is drawn into unused bits of its pixels"
    return None


def only_stored_bits(
    values: NDArray[np.integer[Any]], bits_stored: int, high_bit: int, *, is_signed: bool
) -> NDArray[np.integer[Any]]:
    """Stored values with nothing in the bits that are not theirs (PS3.5 8.1.1), where overlays and anything else can be.

    Orthanc sends these bits as they are.

    Parameters
    ----------
    values
        Whole numbers of any shape, and of as many bits as are allocated.

    Examples
    --------
    >>> only_stored_bits(np.array([0xA064, 0x0FFF], "<u2"), 12, 11, is_signed=False).tolist()
    [100, 4095]
    >>> only_stored_bits(np.array([0x7FFF, 0x0001], "<i2"), 12, 11, is_signed=True).tolist()
    [-1, 1]
    """
    shift = high_bit + 1 - bits_stored
    own = (values.astype(np.int64) >> shift) & ((1 << bits_stored) - 1)
    if is_signed:
        sign = 1 << (bits_stored - 1)
        own = (own ^ sign) - sign
    return (own << shift).astype(values.dtype)


def stored_bits(tags: Mapping[str, Any]) -> tuple[int, int, bool] | None:
    """Bits Stored, High Bit, and whether values are signed; None where the header does not say so in a way that can be."""
    stored, high, kind = (_text(tags, name) for name in (_STORED, _HIGH, _REPRESENTATION))
    if not (stored.isdecimal() and high.isdecimal() and kind in ("0", "1")):
        return None
    bits, top = int(stored), int(high)
    return (bits, top, kind == "1") if 0 < bits <= top + 1 <= _MOST_BITS else None


def _is_embedded(name: str, value: str) -> bool:
    """Whether an attribute says that an overlay lies in the pixels: Overlay Bits Allocated and Overlay Bit Position."""
    if not name.startswith(_OVERLAYS):
        return False
    return (name.endswith(",0100") and value not in ("", "1")) or (
        name.endswith(",0102") and value not in ("", "0")
    )


def _is_full(tags: Mapping[str, Any]) -> bool:
    """Whether the values take all bits, so that no overlay is among them (PS3.5 8.1.2, retired)."""
    return bool(_text(tags, _ALLOCATED)) and _text(tags, _ALLOCATED) == _text(tags, _STORED)


def _text(tags: Mapping[str, Any], name: str) -> str:
    value = tags.get(name)
    return value.strip().upper() if isinstance(value, str) else ""
