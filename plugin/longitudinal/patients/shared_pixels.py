"""The stored values of frames for those who have opened a link: Orthanc's own routes are closed to them."""

import io
from collections.abc import Callable
from functools import lru_cache

import msgspec
import numpy as np

from longitudinal.dicom.identity_in_pixels import only_stored_bits, stored_bits, why_identifying
from longitudinal.dicom.nesting import MOST_LEVELS, is_too_deep
from longitudinal.errors import FieldError, NoPicture, NotForShares, NotFound

_REMEMBERED = 20_000

ReadPixels = Callable[[str, int], bytes]
"""The stored values of a frame (0-based) of an instance by its Orthanc id, as NumPy's file format. Raises NotFound,
ArchiveFailed."""


class SharedPixels:
    """Reads frames, and tells which are left out of a de-identified view.

    Parameters
    ----------
    file_of
        Gives the DICOM file of an instance; KeyError where it is gone.
    tags_of
        Gives the tags of an instance (JSON); KeyError where it is gone.
    version_of
        Tells the file of an instance from one that overwrites it; KeyError where it is gone.
    """

    def __init__(
        self,
        file_of: Callable[[str], bytes],
        tags_of: Callable[[str], str],
        version_of: Callable[[str], str],
        read: ReadPixels,
    ) -> None:
        self._tags_of = tags_of
        self._version_of = version_of
        self._read = read
        self._is_deep = lru_cache(maxsize=_REMEMBERED)(lambda orthanc_id, _: is_too_deep(file_of(orthanc_id)))
        self._looked_at = lru_cache(maxsize=_REMEMBERED)(self._look)

    def read(self, orthanc_id: str, frame: int, *, de_identified: bool) -> bytes:
        """A frame (0-based) of an instance.

        Raises
        ------
        NotFound, ArchiveFailed
        NoPicture
            Its sequences are nested so deep that Orthanc could end when it reads it.
        NotForShares
            The view is de-identified, and the pixels may tell who the patient is.
        """
        try:
            is_deep = self._is_deep(orthanc_id, self._version_of(orthanc_id))
        except KeyError:
            raise NotFound(
                "the instance is not stored any more", [FieldError("instance", "is gone")]
            ) from None
        if is_deep:
            raise NoPicture(f"its sequences are nested more than {MOST_LEVELS} levels deep")
        if not de_identified:
            return self._read(orthanc_id, frame)
        if (why := self.why_hidden(orthanc_id)) is not None:
            raise NotForShares(f"the image is not shown: {why}")
        _, bits = self._looked_at(orthanc_id, self._version_of(orthanc_id))
        return _cleared(self._read(orthanc_id, frame), bits)

    def why_hidden(self, orthanc_id: str) -> str | None:
        """Why an instance is left out of a de-identified view, as one that is gone is; None where it is shown."""
        try:
            return self._looked_at(orthanc_id, self._version_of(orthanc_id))[0]
        except KeyError:
            return "it is not stored any more"

    def _look(self, orthanc_id: str, version: str) -> tuple[str | None, tuple[int, int, bool] | None]:
        """Why an instance is left out, and which bits of its values are their own."""
        if self._is_deep(orthanc_id, version):
            return "its header is not read", None
        tags = msgspec.json.decode(self._tags_of(orthanc_id))
        return why_identifying(tags), stored_bits(tags)


def _cleared(file: bytes, bits: tuple[int, int, bool] | None) -> bytes:
    """A frame without what is in unused bits. Raises NotForShares where it cannot be told which these are."""
    values = np.load(io.BytesIO(file), allow_pickle=False)
    if bits is None or values.dtype.kind not in "iu" or bits[1] >= 8 * values.dtype.itemsize:
        raise NotForShares("the image is not shown: its header does not say which bits hold its values")
    stored, high, is_signed = bits
    made = io.BytesIO()
    np.save(made, only_stored_bits(values, stored, high, is_signed=is_signed))
    return made.getvalue()
