"""The error of a transform at one place: the bound that 95 % of places like it stay below, in mm, or None if not measured.

There are two forms, both in the frame of the registration object, which is the target frame of its transforms: a coarse
grid of bounds that a registration measured, and the formula of a fit to landmarks. They are kept beside the object as
JSON, in their own user metadata: an annotation is read for every answer, this only when it has changed.

The form is `{"version": 1, "items": {"2": {"kind": "grid", "grid": "<base64>"}}}`.
"""

import hashlib
import math
import struct
import zlib
from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import Protocol, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from longitudinal.geometry import affine
from longitudinal.geometry.affine import Matrix, Points
from longitudinal.transforms.metadata_json import read_metadata

P95_OF_RMS = 1.61
"""95 % of errors that are normal and alike along three axes are below this many root mean squares: sqrt(7.815 / 3)."""

LONGEST_TEXT = 64 * 1024
"""The most that is kept beside one object, in bytes."""

VERSION = 1
STEP_MM = 0.1
_UNKNOWN = 255
_MOST_STEPS = 254
_MAGIC = b"LEG1"
_HEADER = struct.Struct("<4s3H12d")
_MOST_VOXELS = 2_000_000
_LEVEL = 9
_LONGEST_NUMBER = 6


class ErrorAtPlace(Protocol):
    """What is known of the error of a transform, place by place."""

    def bound_mm(self, x: float, y: float, z: float) -> float | None:
        """The bound that 95 % of errors at places like this one stay below, mm; None if nothing was measured.

        The place is in LPS mm of the transform's target frame.
        """


class ErrorGrid(msgspec.Struct, frozen=True, eq=False, dict=True):
    """Bounds on a coarse grid; each applies to its whole voxel.

    Attributes
    ----------
    bounds
        (k, j, i) mm; NaN where nothing was measured.
    point_from_index
        (4, 4) LPS mm of a voxel's centre from 0-based (i, j, k).

    >>> grid = ErrorGrid(np.array([[[1.0, np.nan]]]), np.diag([10.0, 10.0, 10.0, 1.0]))
    >>> grid.bound_mm(4.0, 0.0, 0.0), grid.bound_mm(6.0, 0.0, 0.0), grid.bound_mm(-6.0, 0.0, 0.0)
    (1.0, None, None)
    """

    bounds: NDArray[np.float64]
    point_from_index: Matrix

    @cached_property
    def _steps(self) -> bytes:
        return _quantised(self.bounds).tobytes()

    @cached_property
    def _index_from_point(self) -> tuple[float, ...]:
        rows = affine.invert(self.point_from_index)[:3]
        rows[:, 3] += 0.5  # floor then finds the voxel with the nearest centre
        return tuple(rows.ravel().tolist())

    def bound_mm(self, x: float, y: float, z: float) -> float | None:
        """The bound of the voxel that contains the place: used for each match of an answer, hence without numpy."""
        xi, yi, zi, ti, xj, yj, zj, tj, xk, yk, zk, tk = self._index_from_point
        i, j, k = (
            xi * x + yi * y + zi * z + ti, xj * x + yj * y + zj * z + tj, xk * x + yk * y + zk * z + tk,
        )  # fmt: skip
        depth, height, width = self.bounds.shape
        if not (0 <= i < width and 0 <= j < height and 0 <= k < depth):
            return None
        steps = self._steps[(int(k) * height + int(j)) * width + int(i)]
        return None if steps == _UNKNOWN else round(steps * STEP_MM, 1)

    def to_bytes(self) -> bytes:
        """Pack it: whole steps, rounded up, so that no bound decreases; bounds above the largest count as unknown."""
        depth, height, width = self.bounds.shape
        header = _HEADER.pack(_MAGIC, width, height, depth, *self.point_from_index[:3].ravel().tolist())
        return header + zlib.compress(self._steps, _LEVEL)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Unpack what `to_bytes` made.

        Raises
        ------
        ValueError
            The bytes are something else.
        """
        try:
            magic, width, height, depth, *numbers = _HEADER.unpack_from(data)
        except struct.error as error:
            raise ValueError("no grid of errors") from error
        voxels = width * height * depth
        matrix = np.vstack([np.reshape(numbers, (3, 4)), [0.0, 0.0, 0.0, 1.0]])
        if magic != _MAGIC or not 0 < voxels <= _MOST_VOXELS or affine.find_fault(matrix) is not None:
            raise ValueError("no grid of errors")
        unpacker = zlib.decompressobj()
        try:
            steps = np.frombuffer(unpacker.decompress(data[_HEADER.size :], voxels), np.uint8)
        except zlib.error as error:
            raise ValueError("no grid of errors") from error
        if len(steps) != voxels or not unpacker.eof:
            raise ValueError("no grid of errors")
        bounds = np.where(steps == _UNKNOWN, np.nan, steps * STEP_MM).reshape(depth, height, width)
        return cls(bounds, matrix)


def _quantised(bounds: NDArray[np.float64]) -> NDArray[np.uint8]:
    # a rounding error of the last bit must not add a step
    steps = np.ceil(np.round(bounds / STEP_MM, 6))
    return np.where(np.isfinite(steps) & (steps <= _MOST_STEPS), steps, _UNKNOWN).astype(np.uint8)


class LandmarkError(msgspec.Struct, frozen=True, eq=False):
    """The target registration error of a fit to landmarks, after Fitzpatrick, West and Maurer.

    Attributes
    ----------
    fle_mm
        Localisation error of one landmark, root mean square.
    pairs
        How many there were.
    centroid
        (3,) of the landmarks, LPS mm of the target frame.
    leverage
        (3, 3) per square mm: TRE^2(x) = FLE^2 (1 / pairs + (x - centroid) . leverage (x - centroid)).
    """

    fle_mm: float
    pairs: int
    centroid: Points
    leverage: Matrix

    def bound_mm(self, x: float, y: float, z: float) -> float | None:
        """`P95_OF_RMS` times the root mean square error there."""
        offset = np.array([x, y, z]) - self.centroid
        return P95_OF_RMS * self.fle_mm * math.sqrt(1 / self.pairs + float(offset @ self.leverage @ offset))

    def seen_from(self, other_from_target: Matrix) -> Self:
        """The same in another frame, by a (4, 4) map of the target frame's points into it."""
        inverse = np.linalg.inv(other_from_target[:3, :3])
        return type(self)(
            self.fle_mm,
            self.pairs,
            affine.apply(other_from_target, self.centroid),
            inverse.T @ self.leverage @ inverse,
        )


class _Grid(msgspec.Struct, tag_field="kind", tag="grid", frozen=True):
    grid: bytes


class _Landmarks(msgspec.Struct, tag_field="kind", tag="landmarks", rename="camel", frozen=True):
    fle_mm: float
    pairs: int
    centroid: tuple[float, float, float]
    leverage: tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]


class _Document(msgspec.Struct, frozen=True):
    version: int
    items: dict[str, msgspec.Raw] = {}


def split_errors(text: str | None) -> dict[int, bytes]:
    """The JSON of each item by its number, unread. Foreign content counts as nothing: it never raises.

    >>> split_errors("something else"), split_errors('{"version": 99, "items": {"2": {}}}')
    ({}, {})
    """
    if text is None or len(text) > LONGEST_TEXT:
        return {}
    document = read_metadata(text, _Document)
    if document is None or document.version != VERSION:
        return {}
    return {int(number): bytes(item) for number, item in document.items.items() if _is_number(number)}


def join_errors(items: Mapping[int, ErrorAtPlace]) -> str:
    """The text to keep beside an object: the inverse of `split_errors`."""
    return _join({number: encode_error(error) for number, error in items.items()})


def put_error(text: str | None, number: int, item: bytes) -> str:
    """The text kept beside an object, with the JSON of one item replaced."""
    return _join({**split_errors(text), number: item})


def digest_of(item: bytes) -> str:
    """The digest by which a signed statement names the JSON of an item: no other JSON beside the object then counts."""
    return hashlib.sha256(item).hexdigest()


def _join(items: Mapping[int, bytes]) -> str:
    said = {str(number): msgspec.Raw(item) for number, item in sorted(items.items())}
    return msgspec.json.encode(_Document(VERSION, said)).decode()


def _is_number(key: str) -> bool:
    """Whether a key is the number of an item in the plugin's own notation."""
    return key.isascii() and key.isdecimal() and len(key) <= _LONGEST_NUMBER and str(int(key)) == key


def encode_error(error: ErrorAtPlace) -> bytes:
    """The JSON of one item."""
    if isinstance(error, ErrorGrid):
        return msgspec.json.encode(_Grid(error.to_bytes()))
    assert isinstance(error, LandmarkError)
    said = {
        "kind": "landmarks", "fleMm": float(error.fle_mm), "pairs": error.pairs, "centroid": error.centroid.tolist(),
        "leverage": error.leverage.tolist(),
    }  # fmt: skip
    return msgspec.json.encode(msgspec.convert(said, _Landmarks))


@lru_cache(maxsize=256)
def read_error(item: bytes | None) -> ErrorAtPlace | None:
    """The error that one item states, unpacked only once however often its patient is read again; None if it states none."""
    if item is None:
        return None
    try:
        said = msgspec.json.decode(item, type=_Grid | _Landmarks)
        return ErrorGrid.from_bytes(said.grid) if isinstance(said, _Grid) else _landmarks(said)
    except (msgspec.DecodeError, UnicodeError, ValueError):
        return None


def _landmarks(said: _Landmarks) -> LandmarkError | None:
    leverage = np.array(said.leverage)
    numbers = np.array([said.fle_mm, *said.centroid, *leverage.ravel()])
    is_sound = (
        bool(np.isfinite(numbers).all())
        and said.fle_mm >= 0
        and said.pairs > 0
        and float(np.linalg.eigvalsh(leverage + leverage.T)[0]) >= 0
    )
    return LandmarkError(said.fle_mm, said.pairs, np.array(said.centroid), leverage) if is_sound else None
