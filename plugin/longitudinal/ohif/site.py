"""A path under OHIF's root -> a file of the app, our configuration, or the page. Knows nothing of any server."""

import gzip
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path, PurePosixPath

import msgspec

from longitudinal.http.exchange import Response
from longitudinal.http.static_files import IMMUTABLE, REVALIDATE, StaticFile, static_bytes, static_folder
from longitudinal.ohif.app import CONTENT_TYPES, FILES, AppFile, read_table
from longitudinal.ohif.patches import RELATIVE, RELATIVE_TEXT

INDEX = "index.html"
CONFIGURATION = "app-config.js"

# Below OHIF's root, with the folders' own layout: the modules' relative imports hold there as they do on disk.
_OURS = "longitudinal"
_OUR_FOLDERS = ("ohif/extension", "web/shared", "web/timeline")
_PACKAGE = Path(__file__).resolve().parents[1]
# OHIF's own routes have two; a longer path is no page of it, and would make an endless number of different pages.
_MAX_SEGMENTS = 8


class Roots(msgspec.Struct, frozen=True, rename="camel"):
    """The paths on this server as Orthanc itself sees them: without any proxy's prefix.

    Attributes
    ----------
    imaging, ohif, dicom_web, wado, qido
        Each with a leading slash and without a trailing one; `imaging` is the root of the plugin's routes.
    """

    imaging: str = "/imaging"
    ohif: str = "/ohif"
    dicom_web: str = "/dicom-web"
    wado: str = "/wado"
    qido: str = "/dicom-web"


class Site:
    """OHIF's app with our configuration.

    Parameters
    ----------
    app
        The folder that `app.unpack` made.
    roots
        Passed to the viewer's configuration.
    sends_compressed
        Whether bodies may be sent as stored, by gzip. False where the server itself compresses every answer
        (Orthanc's HttpCompressionEnabled): they would then be compressed twice.

    Raises
    ------
    FileNotFoundError, msgspec.DecodeError
        The app is not unpacked.
    """

    def __init__(self, app: Path, roots: Roots, *, sends_compressed: bool = True) -> None:
        table = read_table(app)
        self.version = table.version
        self.unmatched = table.unmatched
        self._files = {file.path: _static(app / FILES, file) for file in table.files}
        self._sends_compressed = sends_compressed
        index = self._files.pop(INDEX)
        self._index = gzip.decompress(index.read()) if index.is_gzip else index.read()
        self._files[CONFIGURATION] = static_bytes(_configuration(roots), CONTENT_TYPES[".js"])

    def answer(self, path: str, headers: Mapping[str, str]) -> Response:
        """Answer a GET.

        Parameters
        ----------
        path
            Below OHIF's root, decoded; slashes at either end do not matter.
        headers
            Of the request, with lower-case names.
        """
        path = path.strip("/")
        file = self._files.get(path) or (our_modules().get(path) if path.startswith(_OURS) else None)
        if file is not None:
            return file.answer(headers, sends_gzip=self._sends_compressed)
        segments = len(PurePosixPath(path).parts)
        if (PurePosixPath(path).suffix in CONTENT_TYPES and path != INDEX) or segments > _MAX_SEGMENTS:
            return Response(b"OHIF has no such file", 404, "text/plain")
        return static_bytes(self._page(segments), CONTENT_TYPES[".html"]).answer(headers)

    def _page(self, segments: int) -> bytes:
        """The page for a path of so many segments below the root."""
        up = "./" if segments <= 1 else "../" * (segments - 1)
        text = msgspec.json.encode({"up": up, "home": segments == 0})
        return self._index.replace(RELATIVE_TEXT, text).replace(RELATIVE, up.encode())


def _static(folder: Path, file: AppFile) -> StaticFile:
    cache = IMMUTABLE if file.immutable else REVALIDATE
    return StaticFile(
        (folder / file.path).read_bytes, file.content_type, file.etag, cache, is_gzip=file.compressed
    )


@cache
def our_modules() -> dict[str, StaticFile]:
    """The extension and what it shares with the timeline page, read when the first one is asked for."""
    return {
        f"{_OURS}/{folder}/{path}": _compressed(file)
        for folder in _OUR_FOLDERS
        for path, file in static_folder(_PACKAGE / folder).items()
        if not path.endswith(".html")  # the timeline page itself has its own address and policy
    }


def _compressed(file: StaticFile) -> StaticFile:
    # The content is the one that the tag was made of. Without a time stamp it always yields the same bytes.
    compressed = cache(partial(gzip.compress, file.read(), mtime=0))
    return StaticFile(compressed, file.content_type, file.etag, file.cache, is_gzip=True)


def _configuration(roots: Roots) -> bytes:
    """Our app-config.js, preceded by the server's addresses."""
    script = Path(__file__).with_name(CONFIGURATION).read_bytes()
    return b"window.longitudinalRoots = " + msgspec.json.encode(roots) + b";\n" + script
