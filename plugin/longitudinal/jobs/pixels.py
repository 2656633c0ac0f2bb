"""Pixels of single frames out of Orthanc, over loopback: rescaled, of whatever transfer syntax Orthanc decodes."""

import http.client
import io
import ssl
from collections.abc import Callable
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

_SECONDS = 60.0
_OK, _NOT_FOUND, _SERVER_ERROR = 200, 404, 500
# Orthanc's words for a transfer syntax that nothing decodes; it has the status of a file that is lost.
_NO_DECODER = b"Not implemented"
# What Orthanc says of itself, not of the image: a token it does not know any more, or no time.
_NOT_ABOUT_THE_IMAGE = frozenset({401, 403, 429, 502, 503, 504})
# Orthanc closes a connection that was idle for a second; the next request then finds it closed and is sent again.
_TRIES = 3


class PixelsUnavailable(Exception):
    """Orthanc does not decode the pixels of a frame; the message says which and why."""


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
        """The pixels of a frame (1-based), (rows, columns), or (rows, columns, 3) of a colour image; rescaled, or as stored.

        Raises
        ------
        PixelsUnavailable, ImageUnavailable, ImageGone, OrthancSilent
        """
        which = f"frame {frame} of instance {instance}"
        path = f"/instances/{instance}/frames/{frame - 1}/numpy?rescale={'1' if rescale else 'false'}"
        status, body = self._get(path, which)
        if status == _NOT_FOUND and self._get(f"/instances/{instance}", which)[0] == _NOT_FOUND:
            raise ImageGone(f"instance {instance} was deleted")
        if status == _NOT_FOUND or (status >= _SERVER_ERROR and _NO_DECODER not in body):
            raise ImageUnavailable(f"Orthanc cannot read {which} from its storage (HTTP {status})")
        if status != _OK:
            raise PixelsUnavailable(f"Orthanc does not decode {which} (HTTP {status})")
        try:
            pixels: NDArray[np.generic] = np.lib.format.read_array(io.BytesIO(body), allow_pickle=False)
        except ValueError as error:
            raise PixelsUnavailable(f"Orthanc gives no array for {which}: {error}") from None
        return pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels

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
