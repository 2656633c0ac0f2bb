"""A path below a page's root -> the file to send. Knows nothing of any server."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from html import escape
from pathlib import Path

from longitudinal.http.headers import frame_ancestors

INDEX = "timeline/index.html"
# Where the page's own addresses begin. They are relative to the page, which is served with and without a slash at its
# end, as Orthanc drops that slash before we see it; so "app/" before a path may come once too often.
PREFIX = "app/"
_ROOT = b"{{root}}"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "worker-src 'self'; base-uri 'none'; form-action 'none'; "
)


@dataclass(frozen=True, slots=True)
class PageFile:
    """What to send; `status` 304 where the browser has it."""

    body: bytes = b""
    status: int = 200
    content_type: str = "text/plain"
    headers: Mapping[str, str] = field(default_factory=dict)


class PageFiles:
    """The files of the timeline page, named once at the start: no path can lead out of the folder.

    Parameters
    ----------
    folder
        With `timeline/` and `shared/`.
    root
        Where the plugin's routes live, handed to the page.
    ancestors
        Origins that may show the page in a frame.
    """

    def __init__(self, folder: Path, root: str, ancestors: Sequence[str] = ()) -> None:
        self._folder = folder
        self._names = frozenset(
            path.relative_to(folder).as_posix()
            for path in folder.rglob("*")
            if path.is_file() and path.suffix in _TYPES
        )
        self._root = escape(root).encode()
        self._headers = {
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
            "Content-Security-Policy": _POLICY + frame_ancestors(ancestors),
            # asked for again each time, and answered 304 while unchanged: after an upgrade nobody sees a mixture
            "Cache-Control": "no-cache",
        }

    def answer(self, path: str, headers: Mapping[str, str]) -> PageFile:
        """Answer a GET.

        Parameters
        ----------
        path
            Below the page's root, decoded; slashes at either end do not matter.
        headers
            Of the request, with lower-case names.

        Raises
        ------
        OSError
            The file cannot be read.
        """
        name = path.strip("/").removeprefix(PREFIX) or INDEX
        if name not in self._names:
            return PageFile(b"the page has no such file", 404, headers=self._headers)
        body = (self._folder / name).read_bytes()
        if name == INDEX:
            body = body.replace(_ROOT, self._root)
        content_type = _TYPES[Path(name).suffix]
        etag = f'W/"{sha256(body).hexdigest()[:32]}"'
        answered = {**self._headers, "ETag": etag}
        known = [tag.strip() for tag in headers.get("if-none-match", "").split(",")]
        if etag in known:
            return PageFile(b"", 304, content_type, answered)
        return PageFile(body, 200, content_type, answered)
