"""A path under OHIF's root -> bytes, content type, cache headers. Knows nothing of any server."""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path, PurePosixPath

import msgspec

from longitudinal.ohif.app import CONTENT_TYPES, FILES, AppFile, read_table
from longitudinal.ohif.patches import RELATIVE, RELATIVE_TEXT

INDEX = "index.html"
CONFIGURATION = "app-config.js"

# Asked for again each time, and answered 304 while unchanged: after an upgrade nobody sees a mixture of versions.
_REVALIDATE = "no-cache"
_IMMUTABLE = "max-age=31536000, immutable"
# OHIF's own routes have two; a longer path is no page of it, and would make an endless number of different pages.
_MAX_SEGMENTS = 8


class Roots(msgspec.Struct, frozen=True, rename="camel"):
    """Where things are on this server, as Orthanc itself sees it: without any proxy's prefix.

    Attributes
    ----------
    ohif, dicom_web, wado
        Each with a leading slash and without a trailing one.
    """

    ohif: str = "/ohif"
    dicom_web: str = "/dicom-web"
    wado: str = "/wado"


@dataclass(frozen=True)
class SiteAnswer:
    """What to send."""

    body: bytes = b""
    status: int = 200
    content_type: str = "text/plain"
    headers: Mapping[str, str] = field(default_factory=dict)


class Site:
    """OHIF's app with our configuration.

    Parameters
    ----------
    app
        The folder that `app.unpack` made.
    roots
        Handed to the viewer's configuration.
    sends_compressed
        Whether bodies may go out as stored, by gzip. False where the server itself compresses every answer
        (Orthanc's HttpCompressionEnabled): they would be compressed twice.

    Raises
    ------
    FileNotFoundError, msgspec.DecodeError
        There is no unpacked app.
    """

    def __init__(self, app: Path, roots: Roots, *, sends_compressed: bool = True) -> None:
        table = read_table(app)
        self.version = table.version
        self.unmatched = table.unmatched
        self._folder = app / FILES
        self._files = {file.path: file for file in table.files}
        self._sends_compressed = sends_compressed
        self._index = self._load(self._files[INDEX])
        self._configuration = _configuration(roots)

    def answer(self, path: str, headers: Mapping[str, str]) -> SiteAnswer:
        """Answer a GET.

        Parameters
        ----------
        path
            Below OHIF's root, decoded; slashes at either end do not matter.
        headers
            Of the request, with lower-case names.
        """
        path = path.strip("/")
        if path == CONFIGURATION:
            return _own(self._configuration, CONTENT_TYPES[".js"], headers)
        file = self._files.get(path)
        if file is not None and path != INDEX:
            return self._file(file, headers)
        segments = len(PurePosixPath(path).parts)
        if (PurePosixPath(path).suffix in CONTENT_TYPES and path != INDEX) or segments > _MAX_SEGMENTS:
            return SiteAnswer(b"OHIF has no such file", 404)
        return _own(self._page(segments), CONTENT_TYPES[".html"], headers)

    def _file(self, file: AppFile, headers: Mapping[str, str]) -> SiteAnswer:
        answered = {"ETag": file.etag, "Cache-Control": _IMMUTABLE if file.immutable else _REVALIDATE}
        if file.compressed:
            answered["Vary"] = "Accept-Encoding"
        if _is_known(file.etag, headers):
            return SiteAnswer(b"", 304, file.content_type, answered)
        if file.compressed and self._sends_compressed and _takes_gzip(headers):
            answered["Content-Encoding"] = "gzip"
            return SiteAnswer((self._folder / file.path).read_bytes(), 200, file.content_type, answered)
        return SiteAnswer(self._load(file), 200, file.content_type, answered)

    def _load(self, file: AppFile) -> bytes:
        content = (self._folder / file.path).read_bytes()
        return gzip.decompress(content) if file.compressed else content

    def _page(self, segments: int) -> bytes:
        """The page for a path of so many segments below the root."""
        up = "./" if segments <= 1 else "../" * (segments - 1)
        text = msgspec.json.encode({"up": up, "home": segments == 0})
        return self._index.replace(RELATIVE_TEXT, text).replace(RELATIVE, up.encode())


def _configuration(roots: Roots) -> bytes:
    """Our app-config.js, with the server's addresses before it."""
    script = Path(__file__).with_name(CONFIGURATION).read_bytes()
    return b"window.longitudinalRoots = " + msgspec.json.encode(roots) + b";\n" + script


def _own(body: bytes, content_type: str, headers: Mapping[str, str]) -> SiteAnswer:
    """What is not a file of the app: small, and asked for anew each time."""
    etag = f'W/"{sha256(body).hexdigest()[:32]}"'
    answered = {"ETag": etag, "Cache-Control": _REVALIDATE}
    if _is_known(etag, headers):
        return SiteAnswer(b"", 304, content_type, answered)
    return SiteAnswer(body, 200, content_type, answered)


def _is_known(etag: str, headers: Mapping[str, str]) -> bool:
    """Whether If-None-Match (RFC 9110 13.1.2) names the tag, by the weak comparison."""
    known = [tag.strip().removeprefix("W/") for tag in headers.get("if-none-match", "").split(",")]
    return etag.removeprefix("W/") in known or "*" in known


def _takes_gzip(headers: Mapping[str, str]) -> bool:
    """Whether Accept-Encoding (RFC 9110 12.5.3) allows gzip.

    Examples
    --------
    >>> [_takes_gzip({"accept-encoding": text}) for text in ("gzip, br", "br", "gzip;q=0", "*", "")]
    [True, False, False, True, False]
    """
    weights = {}
    for part in headers.get("accept-encoding", "").lower().split(","):
        name, _, weight = part.partition(";")
        weights[name.strip()] = weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return weights.get("gzip", weights.get("*", False))
