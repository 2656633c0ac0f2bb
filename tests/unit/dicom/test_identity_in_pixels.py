"""Which images a de-identified view leaves out, and what stays of their bits."""

from typing import Any

import numpy as np
import pytest

from longitudinal.dicom.identity_in_pixels import only_stored_bits, stored_bits, why_identifying

SHOWN = {
    "0008,0016": "1.2.840.10008.5.1.4.1.1.2", "0008,0060": "CT", "0008,0008": "ORIGINAL\\PRIMARY\\AXIAL",
    "0028,0004": "MONOCHROME2",
    "0028,0002": "1", "0028,0100": "16", "0028,0101": "12", "0028,0102": "11", "0028,0103": "0",
}  # fmt: skip


@pytest.mark.parametrize(
    "more",
    [
        {}, {"0028,0301": "NO"}, {"0008,0008": "DERIVED\\SECONDARY\\MPR", "0028,0301": "NO"},
        {"0008,0060": "MR", "0028,0004": "MONOCHROME1"},
        {"6000,0100": "1", "6000,0102": "0"}, {"6000,0102": "12", "0028,0101": "16"},
    ],
    ids=str,
)  # fmt: skip
def test_cross_sections_are_shown(more: dict[str, str]) -> None:
    assert why_identifying(SHOWN | more) is None


@pytest.mark.parametrize(
    "more",
    [
        {"0028,0301": "YES"}, {"0028,0301": " yes "}, {"0008,0008": "DERIVED\\SECONDARY"}, {"0008,0008": ""},
        {"0008,0060": "US"},
        {"0008,0016": "1.2.840.10008.5.1.4.1.1.7"}, {"0008,0016": "1.2.840.10008.5.1.4.1.1.6.1"},
        {"0008,0016": "1.2.840.10008.5.1.4.1.1.12.1"}, {"0008,0016": "1.2.840.10008.5.1.4.1.1.481.2"}, {"0008,0016": "9.9"},
        {"0028,0004": "RGB", "0028,0002": "3"}, {"0028,0004": "PALETTE COLOR"}, {"0028,0002": "3"},
        {"6000,0102": "12"}, {"6002,0100": "16"}, {"601e,0102": "15"}, {"0008,0016": []},
    ],
    ids=str,
)  # fmt: skip
def test_what_may_have_text_is_left_out(more: dict[str, Any]) -> None:
    assert why_identifying(SHOWN | more) is not None
    assert why_identifying({}) is not None


@pytest.mark.parametrize("kind", ["<u2", "<i2", "<u1", "<i1"])
@pytest.mark.parametrize("stored", [1, 5, 8, 12, 16])
@pytest.mark.parametrize("shift", [0, 3])
def test_only_the_bits_of_the_value_stay(kind: str, stored: int, shift: int) -> None:
    width = 8 * np.dtype(kind).itemsize
    if stored + shift > width:
        return
    values = (
        np.random.default_rng(stored).integers(0, 2**width, 500).astype(kind.replace("i", "u")).view(kind)
    )
    is_signed = "i" in kind
    found = only_stored_bits(values, stored, stored + shift - 1, is_signed=is_signed)
    for before, after in zip(values.tolist(), found.tolist(), strict=True):
        own = (before >> shift) & (2**stored - 1)
        expected = own - 2**stored if is_signed and own >= 2 ** (stored - 1) else own
        assert after == expected << shift
    assert found.dtype == values.dtype


@pytest.mark.parametrize(
    "more",
    [{"0028,0101": "0"}, {"0028,0101": "x"}, {"0028,0102": "3"}, {"0028,0103": ""}, {"0028,0102": "99"}],
)
def test_without_its_bits_an_image_is_not_read(more: dict[str, str]) -> None:
    assert stored_bits(SHOWN) == (12, 11, False)
    assert stored_bits(SHOWN | more) is None
