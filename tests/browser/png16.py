"""Reads what GET /points/reslice sends: a grey PNG of 16 bits, without filters."""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray


def read_png16(png: bytes) -> tuple[NDArray[np.float64], dict[str, str]]:
    """Rescaled values, NaN for nothing, and the text chunks."""
    rows = columns = 0
    texts: dict[str, str] = {}
    data, at = b"", 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        kind, body = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        if kind == b"IHDR":
            columns, rows = struct.unpack(">II", body[:8])
        elif kind == b"tEXt":
            name, _, text = body.decode("latin-1").partition("\0")
            texts[name] = text
        elif kind == b"IDAT":
            data += body
        at += 12 + length
    lines = np.frombuffer(zlib.decompress(data), np.uint8).reshape(rows, 1 + 2 * columns)
    stored = np.frombuffer(lines[:, 1:].tobytes(), ">u2").reshape(rows, columns)
    values = stored * float(texts["RescaleSlope"]) + float(texts["RescaleIntercept"])
    return np.where(stored == 0, np.nan, values), texts
