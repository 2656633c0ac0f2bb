"""Pixels of single frames out of Orthanc, over loopback: rescaled, of whatever transfer syntax Orthanc decodes.

Every worker reads pixels here and nowhere else. Orthanc 1.10.1 ends when it decodes an object nested too deep in sequences,
so it is asked for the file first, which is safe. And it sends, and rescales, words as they are stored, with other bits above
those of the value and without the sign extended: that is mended here.
"""

import http.client
import io
import json
import ssl
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from longitudinal.dicom.file_tags import read_file_tags
from longitudinal.dicom.nesting import MOST_LEVELS, is_too_deep
from longitudinal.dicom.own_bits import OtherBits, own_bits
from longitudinal.dicom.stored_values import STORED_VALUE_TAGS, StoredValues, read_stored_values

_SECONDS = 60.0
_OK, _NOT_FOUND, _SERVER_ERROR = 200, 404, 500
# Orthanc's words for a transfer syntax that nothing decodes; it has the status of a file that is lost.
_NO_DECODER = b"Not implemented"
# What Orthanc says of itself, not of the image: a token it does not know any more, or no time.
_NOT_ABOUT_THE_IMAGE = frozenset({401, 403, 429, 502, 503, 504})
# Orthanc closes a connection that was idle for a second; the next request then finds it closed and is sent again.
_TRIES = 3
# A worker lives on after its task, and the object may be another one then. A file of many frames is looked at once or twice.
_TRUSTED_SECONDS = 2.0


class PixelsUnavailable(Exception):
    """Orthanc does not decode the pixels of a frame; the message says which and why."""


class PixelsTooDeep(PixelsUnavailable):
    """Orthanc is not asked for the pixels of an object, because it could end."""


class ImageUnavailable(Exception):
    """Orthanc has the image, and cannot read it from its storage; which may be another matter tomorrow."""


class ImageGone(Exception):
    """The image is not in Orthanc any more."""


class OrthancSilent(Exception):
    """Orthanc does not answer, or not to us; nothing is known of the image."""


class PixelSource:
    """One connection to Orthanc, opened again when it was closed. For one thread.

    Parameters
    ----------
    url
        Of Orthanc on this machine.
    token
        A whole Authorization header.
    on_retry
        Called before a request is sent again, as much as a minute after it was sent.
    """

    def __init__(self, url: str, token: str, on_retry: Callable[[], None] = lambda: None) -> None:
        self._on_retry = on_retry
        self._known: tuple[str, float, StoredValues] | None = None
        parts = urlsplit(url)
        self._headers = {"Authorization": token}
        host, port = parts.hostname or "127.0.0.1", parts.port
        if parts.scheme == "https":
            # Its certificate is made out to another name, and nobody else can sit on this port of this machine.
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            self._connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, port, timeout=_SECONDS, context=context
            )
        else:
            self._connection = http.client.HTTPConnection(host, port, timeout=_SECONDS)

    def read(self, instance: str, frame: int, *, rescale: bool = True) -> NDArray[np.generic]:
        """The pixels of a frame (1-based), (rows, columns), or (rows, columns, 3) of a colour image.

        Grey ones are rescaled (float32; stored values where the image states no linear rescale), or stored values without
        foreign bits and with the sign extended.

        Raises
        ------
        PixelsUnavailable, PixelsTooDeep, ImageUnavailable, ImageGone, OrthancSilent
        """
        which = f"frame {frame} of instance {instance}"
        meaning = self._meaning(instance, which)
        body = self._body(f"/instances/{instance}/frames/{frame - 1}/numpy?rescale=false", instance, which)
        try:
            pixels: NDArray[np.generic] = np.lib.format.read_array(io.BytesIO(body), allow_pickle=False)
        except ValueError as error:
            raise PixelsUnavailable(f"Orthanc gives no array for {which}: {error}") from None
        if pixels.ndim == 3 and pixels.shape[2] != 1:
            return pixels
        words = pixels[..., 0] if pixels.ndim == 3 else pixels
        try:
            own = own_bits(words, meaning.bits_stored, meaning.pixel_representation, meaning.high_bit)
        except OtherBits as error:
            raise PixelsUnavailable(f"{which} cannot be read: {error}") from None
        return _rescaled(own, meaning, frame) if rescale else own

    def file(self, instance: str) -> bytes:
        """The DICOM file of an instance.

        Raises
        ------
        ImageUnavailable, ImageGone, OrthancSilent
        """
        return self._body(f"/instances/{instance}/file", instance, f"instance {instance}")

    def _meaning(self, instance: str, which: str) -> StoredValues:
        """What the stored values of an instance mean. Raises as `read` does."""
        known = self._known
        if known is not None and known[0] == instance and time.monotonic() - known[1] < _TRUSTED_SECONDS:
            return known[2]
        file = self._body(f"/instances/{instance}/file", instance, which)
        if is_too_deep(file):
            raise PixelsTooDeep(
                f"instance {instance} has sequences nested more than {MOST_LEVELS} levels deep: Orthanc could end"
            )
        try:
            tags = read_file_tags(file, keep=STORED_VALUE_TAGS)
        except Exception:  # pydicom raises any exception; Orthanc was able to read the file
            tags = json.loads(self._body(f"/instances/{instance}/tags?short", instance, which))
        meaning = read_stored_values(tags)
        self._known = (instance, time.monotonic(), meaning)
        return meaning

    def _body(self, path: str, instance: str, which: str) -> bytes:
        """Orthanc's answer about an image. Raises as `read` does."""
        status, body = self._get(path, which)
        if status == _NOT_FOUND and self._get(f"/instances/{instance}", which)[0] == _NOT_FOUND:
            raise ImageGone(f"instance {instance} was deleted")
        if status == _NOT_FOUND or (status >= _SERVER_ERROR and _NO_DECODER not in body):
            raise ImageUnavailable(f"Orthanc cannot read {which} from its storage (HTTP {status})")
        if status != _OK:
            raise PixelsUnavailable(f"Orthanc does not decode {which} (HTTP {status})")
        return body

    def _get(self, path: str, which: str) -> tuple[int, bytes]:
        """Status and body. Raises OrthancSilent."""
        problem = ""
        for number in range(_TRIES):
            if number:
                self._on_retry()
            try:
                self._connection.request("GET", path, headers=self._headers)
                response = self._connection.getresponse()
                body = response.read()
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()
                problem = str(error) or type(error).__name__
                continue
            if response.status not in _NOT_ABOUT_THE_IMAGE:
                return response.status, body
            problem = f"HTTP {response.status}"
        raise OrthancSilent(f"Orthanc does not answer for {which}: {problem}")


def _rescaled(stored: NDArray[np.generic], meaning: StoredValues, frame: int) -> NDArray[np.float32]:
    values = meaning.frame(frame)
    if values.rescale_slope is None or values.rescale_intercept is None:
        return stored.astype(np.float32)
    return stored.astype(np.float32) * np.float32(values.rescale_slope) + np.float32(values.rescale_intercept)
