"""The PNG that a cut is sent as."""

import struct
import zlib

import numpy as np
import pytest

from longitudinal.jobs.png16 import encode_png16
from tests.browser.png16 import read_png16


def test_values_come_back_within_half_a_step() -> None:
    values = np.random.default_rng(1).uniform(-1000, 3000, (31, 17)).astype(np.float32)
    values[3, 4] = np.nan
    found, texts = read_png16(encode_png16(values, "HU"))
    assert np.isnan(found[3, 4])
    assert np.nanmax(np.abs(found - values)) <= 0.5 * float(texts["RescaleSlope"]) + 1e-3
    assert texts["Unit"] == "HU"


@pytest.mark.parametrize("value", [np.nan, 5.0])
def test_one_value_alone(value: float) -> None:
    found, _ = read_png16(encode_png16(np.full((2, 3), value, np.float32)))
    assert found.ravel().tolist() == pytest.approx([value] * 6, nan_ok=True)


def test_it_is_a_png_of_16_bits() -> None:
    png = encode_png16(np.zeros((2, 3), np.float32))
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">IIBB", png[16:26]) == (3, 2, 16, 0)
    at = 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        body = png[at + 4 : at + 8 + length]
        assert struct.unpack(">I", png[at + 8 + length : at + 12 + length]) == (zlib.crc32(body),)
        at += 12 + length
