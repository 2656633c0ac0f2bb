"""Fourier transforms of small cubes as products of matrices.

At some 30 voxels an edge a processor multiplies matrices so much faster than it walks through a fast transform that this
takes a fifth of the time; and of the way back only the shifts that are looked at are made. The products are many small
ones: of a large one OpenBLAS makes threads, which cost more than they save.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from longitudinal.registration.volume import Voxels

Spectrum = NDArray[np.complex64]
_Factors = NDArray[np.float32]


def forward(values: Voxels, count: int) -> Spectrum:
    """(n, j, k, i frequencies) of real cubes (n, k, j, i), each followed by zeros up to ``count`` an edge.

    The middle axis comes first, and of the last one only the half that says everything.

    >>> cubes = np.arange(54, dtype=np.float32).reshape(2, 3, 3, 3)
    >>> whole = np.fft.rfftn(cubes, (5, 5, 5), (1, 2, 3)).transpose(0, 2, 1, 3)
    >>> np.allclose(forward(cubes, 5), whole, atol=1e-3)
    True
    """
    edge = values.shape[-1]
    factors = _factors(count)[:, :edge]
    along = (values @ _of_real(count)[:edge]).view(np.complex64)
    return np.asarray(factors @ (factors @ along).transpose(0, 2, 1, 3))


def back(spectrum: Spectrum, shifts: int) -> Voxels:
    """(k, j, i), each up to ``shifts``: the first corner of the real cube of which this is the spectrum, (j, k, i).

    >>> cube = np.random.default_rng(1).random((1, 6, 6, 6), np.float32)
    >>> np.allclose(back(forward(cube, 6)[0], 4), cube[0, :4, :4, :4], atol=1e-5)
    True
    """
    count = spectrum.shape[0]
    factors = _factors(count)[:shifts].conj()
    along = np.ascontiguousarray(factors @ (factors @ spectrum).transpose(1, 0, 2))
    return np.asarray(along.view(np.float32) @ _to_real(count)[:, :shifts])


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
