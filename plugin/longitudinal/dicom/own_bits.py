"""The bits of a stored word that are the pixel's own (PS3.5 8.1.1)."""

import numpy as np
from numpy.typing import NDArray


class OtherBits(ValueError):
    """The words are not of the bits that the header states."""


def own_bits(
    words: NDArray[np.generic],
    bits_stored: int | None,
    pixel_representation: int | None,
    high_bit: int | None = None,
) -> NDArray[np.generic]:
    """Stored values without what is above their own bits, such as an old overlay; the sign extended where they are signed.

    Orthanc sends words as they are stored, unless `high_bit` is not the one below `bits_stored` and the pixels are not
    compressed: then it sends the values themselves.

    Parameters
    ----------
    words
        Of any shape. Floating-point values are returned as they are, and so are all where `bits_stored` is not known.
    pixel_representation
        1 for two's complement.

    Raises
    ------
    OtherBits
        The own bits are not the low ones, and the words are not the values.

    >>> own_bits(np.array([0x8FFF, 0x0800], np.uint16), 12, 1).tolist()
    [-1, -2048]
    """
    if words.dtype.kind not in "iu" or bits_stored is None or bits_stored < 1:
        return words
    kind = "i" if pixel_representation == 1 else "u"
    native = words.astype(words.dtype.newbyteorder("="), copy=False).view(f"{kind}{words.dtype.itemsize}")
    above = 8 * words.dtype.itemsize - bits_stored
    if above <= 0:
        return native
    own: NDArray[np.generic] = (native << above) >> above
    if high_bit is not None and high_bit != bits_stored - 1 and not np.array_equal(own, native):
        raise OtherBits(
            f"HighBit is {high_bit} where {bits_stored} bits are stored, and the pixels are compressed"
        )
    return own
