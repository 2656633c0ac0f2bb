"""Fourier transforms of small cubes as products of matrices.

At some 30 voxels an edge a processor multiplies matrices so much faster than it walks through a fast transform that this
takes a sixth of the time; and of the way back only the shifts that are looked at are made.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from longitudinal.registration.volume import Voxels

Spectrum = NDArray[np.complex64]
_Factors = NDArray[np.float32]


def forward(values: Voxels, count: int) -> Spectrum:
    """(n, count, count, count // 2 + 1): of real cubes (n, m, m, m), each followed by zeros up to ``count`` an edge.

    >>> cubes = np.arange(54, dtype=np.float32).reshape(2, 3, 3, 3)
    >>> np.allclose(forward(cubes, 5), np.fft.rfftn(cubes, (5, 5, 5), (1, 2, 3)), atol=1e-3)
    True
    """
    cubes, edge = values.shape[:2]
    half = count // 2 + 1
    factors = _factors(count)[:, :edge]
    along = (values.reshape(-1, edge) @ _of_real(count)[:edge]).view(np.complex64)
    along = factors @ along.reshape(cubes, edge, edge, half)
    return np.asarray((factors @ along.reshape(cubes, edge, -1)).reshape(cubes, count, count, half))


def back(spectrum: Spectrum, shifts: int) -> Voxels:
    """(shifts, shifts, shifts): the first corner of the real cube of which this is one cube's spectrum.

    >>> cube = np.random.default_rng(1).random((1, 6, 6, 6), np.float32)
    >>> np.allclose(back(forward(cube, 6)[0], 4), cube[0, :4, :4, :4], atol=1e-5)
    True
    """
    count = spectrum.shape[0]
    factors = _factors(count)[:shifts].conj()
    along = (factors @ spectrum.reshape(count, -1)).reshape(shifts, count, -1)
    along = np.ascontiguousarray(factors @ along)
    return np.asarray(
        along.reshape(shifts * shifts, -1).view(np.float32) @ _to_real(count)[:, :shifts]
    ).reshape((shifts,) * 3)


@lru_cache
def _factors(count: int) -> Spectrum:
    """(count, count), by frequency and place."""
    numbers = np.arange(count)
    return np.asarray(np.exp(-2j * np.pi / count * np.outer(numbers, numbers)), np.complex64)


@lru_cache
def _of_real(count: int) -> _Factors:
    """(count, twice the frequencies): cosines and sines in turn, as complex numbers lie in memory."""
    return np.ascontiguousarray(_factors(count)[:, : count // 2 + 1]).view(np.float32)


@lru_cache
def _to_real(count: int) -> _Factors:
    """(twice the frequencies, count): the real part of the sum, for the frequencies left out too."""
    half = count // 2 + 1
    weights = np.full(half, 2.0)
    weights[0] = 1.0
    if count % 2 == 0:
        weights[-1] = 1.0
    factors = _factors(count)[:half].conj() * weights[:, None] / count**3
    return np.stack([factors.real, -factors.imag], axis=1).reshape(2 * half, count).astype(np.float32)
