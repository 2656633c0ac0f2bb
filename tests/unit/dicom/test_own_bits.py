"""The bits of a stored word that are the pixel's own, as pydicom decodes them."""

import numpy as np
import pytest
from numpy.typing import NDArray

from longitudinal.dicom.own_bits import OtherBits, own_bits
from tests import builders as build


def words_of(bits: int, stored: int, *, signed: bool, seed: int = 0) -> NDArray[np.generic]:
    """Random words of so many bits, with anything above the stored ones, as Orthanc types them."""
    kind = "i" if signed else "u"
    random = np.random.default_rng(seed + stored)
    return random.integers(0, 1 << bits, (8, 6), np.uint64).astype(f"u{bits // 8}").view(f"{kind}{bits // 8}")


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(
    ("bits", "stored"),
    [(16, n) for n in range(2, 17)] + [(8, n) for n in range(2, 9)] + [(32, 12), (32, 24), (32, 32)],
)
def test_they_are_as_pydicom_decodes_them(bits: int, stored: int, signed: bool) -> None:
    words = words_of(bits, stored, signed=signed)
    ds = build.classic(
        Rows=8, Columns=6, BitsAllocated=bits, BitsStored=stored, HighBit=stored - 1, PixelRepresentation=int(signed)
    )  # fmt: skip
    ds.add_new("PixelData", "OB" if bits == 8 else "OW", words.tobytes())
    decoded = build.from_file(build.as_file(ds)).pixel_array
    own = own_bits(words, stored, int(signed), stored - 1)
    assert np.array_equal(own, decoded)
    assert np.array_equal(own_bits(own, stored, int(signed)), own)  # once more changes nothing


def test_other_bytes_order_and_memory_order_are_read_as_well() -> None:
    words = np.array([[0x8FFF, 0x0800], [1, 2]], np.uint16)
    assert own_bits(words.astype(">u2"), 12, 1).tolist() == [[-1, -2048], [1, 2]]
    assert own_bits(words.T, 12, 1).tolist() == [[-1, 1], [-2048, 2]]


@pytest.mark.parametrize("bits_stored", [None, 0, -1])
def test_without_a_number_of_bits_words_are_left_as_they_are(bits_stored: int | None) -> None:
    words = np.array([0x8FFF], np.uint16)
    assert own_bits(words, bits_stored, 1) is words


def test_floating_point_values_are_left_as_they_are() -> None:
    values = np.array([1.5, -2.5], np.float32)
    assert own_bits(values, 12, 1) is values


def test_bits_elsewhere_in_the_word_are_values_already_or_unknown() -> None:
    values = np.array([0, 4095, 17], np.uint16)
    assert own_bits(values, 12, 0, 15).tolist() == [0, 4095, 17]
    assert own_bits(np.array([-2048, 2047], np.int16), 12, 1, 15).tolist() == [-2048, 2047]
    with pytest.raises(OtherBits, match="HighBit is 15"):
        own_bits(values << 4, 12, 0, 15)
