"""OHIF's app on disk, as served: patched, compressed once, with a table of its files.

app/files.json          what there is: path, content type, entity tag, how it is stored
app/files/...           the files; those that compress are stored compressed, and only so
"""

import gzip
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path

import msgspec

from longitudinal.ohif.patches import LEFT_OUT, PATCHES, digest, patch

TABLE = "files.json"
FILES = "files"

# RFC 9239 prefers text/javascript, but to compress, Orthanc (1.12.7) knows only the older name.
_JAVASCRIPT = "application/javascript; charset=utf-8"
CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": _JAVASCRIPT,
    ".json": "application/json",
    ".jsonc": "application/json",
    ".mjs": _JAVASCRIPT,
    ".onnx": "application/octet-stream",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    ".webapp": "application/manifest+json",
    ".woff2": "font/woff2",
    ".xml": "text/xml; charset=utf-8",
}
"""Assets: a missing one is a 404, while any other path is a page of the app."""

# Part of `AppTable.recipe`: raise it when the files that this module writes change.
_FORMAT = 2
_COMPRESSED_ALREADY = {".ico", ".onnx", ".png", ".woff2"}
# level 9 takes twice the time of 6 and saves 0.7 %
_GZIP_LEVEL = 6
_NAMED_BY_CONTENT = re.compile(r"(?:.*\.)?[0-9a-f]{16,}\.[a-z0-9]+")


class AppFile(msgspec.Struct, frozen=True):
    """One file of the app.

    Attributes
    ----------
    path
        Relative to the app's root, with slashes.
    etag
        Entity tag (RFC 9110 8.8.3), quotes included; weak, because the file is sent compressed or not.
    compressed
        Whether it is stored by gzip.
    immutable
        Whether the name changes with the content. Not for a patched file: it keeps the name of the original.
    """

    path: str
    content_type: str
    etag: str
    compressed: bool
    immutable: bool


class AppTable(msgspec.Struct, frozen=True):
    """Everything known about an unpacked app.

    Attributes
    ----------
    version
        OHIF's.
    recipe
        The version of patches and module; see `recipe`.
    unmatched
        Names of the patches that matched nothing; the app may show black images then.
    """

    version: str
    recipe: str
    unmatched: tuple[str, ...]
    files: tuple[AppFile, ...]


def read_table(app: Path) -> AppTable:
    """Read the table of an unpacked app.

    Raises
    ------
    FileNotFoundError
        The app has no table.
    msgspec.DecodeError
        The file is not such a table.
    """
    return msgspec.json.decode((app / TABLE).read_bytes(), type=AppTable)


def recipe() -> str:
    """The present version of patches and module; an app made by another one is unpacked again."""
    return f"{digest()}-{_FORMAT}"


def is_current(app: Path, version: str) -> bool:
    """Whether this version, with the present patches, is unpacked there."""
    try:
        table = read_table(app)
    except (OSError, msgspec.DecodeError):
        return False
    return (table.version, table.recipe) == (version, recipe())


def unpack(dist: Path, app: Path, version: str) -> AppTable:
    """Patch and compress a built app, replacing what was at `app` only when all is done.

    Parameters
    ----------
    dist
        The folder with the build's index.html.
    app
        The target; its parent must exist.
    """
    new = app.with_name(app.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    files, matches = [], Counter[str]()
    for path, content, found in _patched(dist):
        matches.update(found)
        files.append(_write(new / FILES, path, content, patched=bool(found)))
    unmatched = tuple(each.name for each in PATCHES if not matches[each.name])
    table = AppTable(version, recipe(), unmatched, tuple(files))
    (new / TABLE).write_bytes(msgspec.json.format(msgspec.json.encode(table), indent=1))
    shutil.rmtree(app, ignore_errors=True)
    new.rename(app)
    return table


def _patched(dist: Path) -> Iterator[tuple[str, bytes, Mapping[str, int]]]:
    for file in sorted(dist.rglob("*")):
        path = file.relative_to(dist).as_posix()
        if file.is_file() and not LEFT_OUT.fullmatch(path):
            yield path, *patch(path, file.read_bytes())


def _write(folder: Path, path: str, content: bytes, *, patched: bool) -> AppFile:
    suffix = Path(path).suffix
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    compressed = suffix not in _COMPRESSED_ALREADY
    # without a time stamp the same content yields the same bytes
    target.write_bytes(gzip.compress(content, _GZIP_LEVEL, mtime=0) if compressed else content)
    return AppFile(
        path=path,
        content_type=CONTENT_TYPES.get(suffix, "application/octet-stream"),
        etag=f'W/"{sha256(content).hexdigest()[:32]}"',
        compressed=compressed,
        immutable=not patched and _NAMED_BY_CONTENT.fullmatch(Path(path).name) is not None,
    )
