"""A displacement field reduced to a limited number of bytes in the sidecar, by a coarser grid if necessary."""

import numpy as np
from msgspec.structs import replace

from longitudinal.dicom.registration.displacement_field import DisplacementField
from longitudinal.transforms.displacement_grid import interpolate
from longitudinal.transforms.grid_storage import decode_field, encode_field

MOST_BYTES = 1_000_000
"""The packed size of a field made by the plugin."""

_MARGIN = 1.05
"""The packed size decreases a little more slowly than the number of vectors: on a coarser grid, neighbours differ more."""


def fit_field(field: DisplacementField, most_bytes: int = MOST_BYTES) -> DisplacementField:
    """The field in steps of 0.01 mm, on its own grid if that packs into so many bytes, otherwise on a coarser one.

    The grid spans the same box. Smooth fields lose little: at 5 mm a chest's is off by 0.006 mm.
    """
    packed = encode_field(field, largest_exact=0)
    fitted = field
    while len(packed) > most_bytes:
        fitted = _coarser(fitted, _MARGIN * (len(packed) / most_bytes) ** (1 / 3))
        packed = encode_field(fitted, largest_exact=0)
    return decode_field(packed)


def _coarser(field: DisplacementField, factor: float) -> DisplacementField:
    """The field interpolated on a grid with steps that are longer by this factor."""
    counts = np.array(field.dimensions)
    fewer = np.maximum(np.minimum(np.ceil((counts - 1) / factor).astype(int) + 1, counts), 1)
    i, j, k = (np.linspace(0, count - 1, few) for count, few in zip(counts, fewer, strict=True))
    index = np.stack(np.meshgrid(k, j, i, indexing="ij"), axis=-1)[..., ::-1].reshape(-1, 3)
    steps = np.maximum(counts - 1, 1) / np.maximum(fewer - 1, 1)
    return replace(
        field,
        resolution=field.resolution * steps,
        dimensions=(int(fewer[0]), int(fewer[1]), int(fewer[2])),
        vectors=interpolate(field.vectors, index).astype(np.float32).reshape(*fewer[::-1], 3),
    )
