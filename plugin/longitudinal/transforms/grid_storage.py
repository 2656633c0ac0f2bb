"""A displacement field as compact bytes, for a BLOB of the sidecar.

Layout, little-endian: magic, encoding, dimensions, geometry and matrices as float64, then one zlib stream. In
the stream the components are separate, each value is the difference from its neighbour along i, and low and high
bytes are separate: neighbours differ little, so most high bytes are equal.
"""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from longitudinal.dicom.registration.displacement_field import DisplacementField, find_field_fault
from longitudinal.geometry import affine

LARGEST_EXACT_BYTES = 4 << 20
"""Up to this size an imported field is kept exactly as it came."""

QUANTUM_MM = 0.01
"""Step of the int16 encoding: half of it, 0.005 mm, is the most that a component changes."""

_MAGIC = b"LDG1"
_EXACT, _QUANTISED = 0, 1
_HEADER = struct.Struct("<4sBxxx3I44d")
_UNDEFINED = np.int16(-32768)
_COMPRESSION_LEVEL = 6


def encode_field(field: DisplacementField, largest_exact: int = LARGEST_EXACT_BYTES) -> bytes:
    """Pack a field: as float32 if that takes at most `largest_exact` bytes or int16 cannot hold it."""
    if largest_exact > 0 or not _is_quantisable(field.vectors):
        exact = _pack(field, _EXACT, field.vectors.astype("<f4").view("<u4"))
        if len(exact) <= largest_exact or not _is_quantisable(field.vectors):
            return exact
    hundredths = np.where(
        np.isnan(field.vectors), np.float64(_UNDEFINED), np.rint(field.vectors / np.float64(QUANTUM_MM))
    )
    return _pack(field, _QUANTISED, hundredths.astype("<i2").view("<u2"))


def decode_field(data: bytes) -> DisplacementField:
    """Unpack what `encode_field` made.

    Raises
    ------
    ValueError
        The bytes are something else, or a field that no patient can have.
    """
    try:
        magic, encoding, i, j, k, *numbers = _HEADER.unpack_from(data)
        words: NDArray[np.unsignedinteger] = _unpack(
            data[_HEADER.size :], "<u4" if encoding == _EXACT else "<u2", (k, j, i)
        )
    except (struct.error, zlib.error) as error:
        raise ValueError("no displacement field") from error
    if magic != _MAGIC or encoding not in (_EXACT, _QUANTISED):
        raise ValueError("no displacement field")
    if encoding == _EXACT:
        vectors = words.view("<f4").astype(np.float32)
    else:
        hundredths = words.view("<i2")
        vectors = np.where(hundredths == _UNDEFINED, np.nan, hundredths * QUANTUM_MM).astype(np.float32)
    vectors.setflags(write=False)
    values = np.array(numbers)
    field = DisplacementField(
        position=values[:3],
        orientation=values[3:9],
        resolution=values[9:12],
        dimensions=(i, j, k),
        vectors=vectors,
        pre=values[12:28].reshape(4, 4),
        post=values[28:].reshape(4, 4),
    )
    fault = find_field_fault(field) or affine.find_fault(field.pre) or affine.find_fault(field.post)
    if fault is not None:
        raise ValueError(f"no usable displacement field: {fault}")
    return field


def _is_quantisable(vectors: NDArray[np.float32]) -> bool:
    return bool(np.nanmax(np.abs(vectors)) < 32767 * QUANTUM_MM)


def _pack(field: DisplacementField, encoding: int, words: NDArray[np.unsignedinteger]) -> bytes:
    numbers = np.concatenate(
        [field.position, field.orientation, field.resolution, field.pre.ravel(), field.post.ravel()]
    )
    header = _HEADER.pack(_MAGIC, encoding, *field.dimensions, *numbers)
    apart = np.moveaxis(words, 3, 0)
    steps = np.diff(apart, axis=3, prepend=np.zeros_like(apart[..., :1]))
    planes = np.ascontiguousarray(steps).view(np.uint8).reshape(-1, words.itemsize).T
    return header + zlib.compress(np.ascontiguousarray(planes).tobytes(), _COMPRESSION_LEVEL)


def _unpack(stream: bytes, dtype: str, shape: tuple[int, int, int]) -> NDArray[np.unsignedinteger]:
    size = np.dtype(dtype).itemsize
    planes = np.frombuffer(zlib.decompress(stream), np.uint8).reshape(size, -1)
    steps = np.ascontiguousarray(planes.T).view(dtype).reshape(3, *shape)
    apart = np.cumsum(steps, axis=3, dtype=dtype)
    return np.ascontiguousarray(np.moveaxis(apart, 0, 3))
