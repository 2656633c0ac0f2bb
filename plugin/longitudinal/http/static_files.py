"""Files that are sent as they are: entity tags, caches and compression, the same for every page of the plugin."""

import gzip
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path

import msgspec

from longitudinal.http.exchange import Response

REVALIDATE = "no-cache"
"""Asked for again each time, and answered 304 while unchanged: after an upgrade nobody sees a mixture of versions."""
IMMUTABLE = "max-age=31536000, immutable"
"""For names that change with the content."""

CONTENT_TYPES: Mapping[str, str] = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
"""By suffix; files of other kinds are not served out of a folder."""


class StaticFile(msgspec.Struct, frozen=True):
    """A file that can be sent.

    Attributes
    ----------
    read
        Gives the content; raises OSError where it cannot be read.
    etag
        Entity tag (RFC 9110 8.8.3), quotes included; weak, as the file is sent compressed or not.
    cache
        The value of Cache-Control.
    headers
        Further headers, such as a policy.
    is_gzip
        Whether what `read` gives is compressed by gzip.
    """

    read: Callable[[], bytes]
    content_type: str
    etag: str
    cache: str = REVALIDATE
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    is_gzip: bool = False

    def answer(self, asked: Mapping[str, str], *, sends_gzip: bool = True) -> Response:
        """Answer a GET.

        Parameters
        ----------
        asked
            Headers of the request, with lower-case names.
        sends_gzip
            Whether a compressed file may be sent so; False where the server compresses every answer itself.
        """
        headers = {**self.headers, "ETag": self.etag, "Cache-Control": self.cache}
        if self.is_gzip:
            headers["Vary"] = "Accept-Encoding"
        if is_known(self.etag, asked):
            return Response(b"", 304, self.content_type, headers)
        body = self.read()
        if self.is_gzip and sends_gzip and takes_gzip(asked):
            return Response(body, 200, self.content_type, {**headers, "Content-Encoding": "gzip"})
        return Response(gzip.decompress(body) if self.is_gzip else body, 200, self.content_type, headers)


def static_bytes(
    body: bytes, content_type: str, cache: str = REVALIDATE, headers: Mapping[str, str] | None = None
) -> StaticFile:
    """A file of which the content is in memory."""
    return StaticFile(lambda: body, content_type, etag_of(body), cache, headers or {})


def static_folder(folder: Path, headers: Mapping[str, str] | None = None) -> dict[str, StaticFile]:
    """The files of a folder by their path in it, named once: no request can lead out of it."""
    return {
        path.relative_to(folder).as_posix(): StaticFile(
            path.read_bytes, CONTENT_TYPES[path.suffix], etag_of(path.read_bytes()), headers=headers or {}
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix in CONTENT_TYPES
    }


def etag_of(body: bytes) -> str:
    """A weak entity tag of a content."""
    return f'W/"{sha256(body).hexdigest()[:32]}"'


def is_known(etag: str, asked: Mapping[str, str]) -> bool:
    """Whether If-None-Match (RFC 9110 13.1.2) names the tag, by the weak comparison."""
    known = [tag.strip().removeprefix("W/") for tag in asked.get("if-none-match", "").split(",")]
    return etag.removeprefix("W/") in known or "*" in known


def takes_gzip(asked: Mapping[str, str]) -> bool:
    """Whether Accept-Encoding (RFC 9110 12.5.3) allows gzip.

    Examples
    --------
    >>> [takes_gzip({"accept-encoding": text}) for text in ("gzip, br", "br", "gzip;q=0", "*", "")]
    [True, False, False, True, False]
    """
    weights = {}
    for part in asked.get("accept-encoding", "").lower().split(","):
        name, _, weight = part.partition(";")
        weights[name.strip()] = weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return weights.get("gzip", weights.get("*", False))
