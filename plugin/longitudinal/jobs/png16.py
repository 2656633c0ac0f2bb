"""A grey PNG of 16 bits (ISO/IEC 15948) that says what its values mean."""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_LARGEST = 65_535
_FAST = 1
"""Level of compression: a cut is waited for, and Orthanc is near."""


def encode_png16(values: NDArray[np.float32], unit: str | None = None) -> bytes:
    """Values (rows, columns) as a PNG; NaN is 0, the others 1 to 65,535.

    The text chunks RescaleSlope and RescaleIntercept lead back: ``value = slope * stored + intercept``, off by half a step,
    which is the 65,534th part of the range of values.
    """
    known = np.isfinite(values)
    low, high = (float(values[known].min()), float(values[known].max())) if known.any() else (0.0, 0.0)
    slope = (high - low) / (_LARGEST - 1) or 1.0
    intercept = low - slope
    stored = np.zeros(values.shape, ">u2")
    stored[known] = np.clip(np.rint((values[known] - intercept) / slope), 1, _LARGEST)
    rows, columns = values.shape
    lines = np.zeros((rows, 1 + 2 * columns), np.uint8)  # each begins with its filter: none
    lines[:, 1:] = stored.view(np.uint8).reshape(rows, -1)
    texts = {"RescaleSlope": repr(slope), "RescaleIntercept": repr(intercept), "PixelPaddingValue": "0"}
    if unit is not None:
        texts["Unit"] = unit
    parts = [_chunk(b"IHDR", struct.pack(">IIBBBBB", columns, rows, 16, 0, 0, 0, 0))]
    parts += [
        _chunk(b"tEXt", name.encode("latin-1") + b"\0" + text.encode("latin-1", "replace"))
        for name, text in texts.items()
    ]
    return b"".join(
        [_SIGNATURE, *parts, _chunk(b"IDAT", zlib.compress(lines.tobytes(), _FAST)), _chunk(b"IEND", b"")]
    )


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
