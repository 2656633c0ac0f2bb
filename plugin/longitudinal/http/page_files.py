"""The files of the timeline page: a path below its root -> the file to send. Knows nothing of any server."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from longitudinal.http.exchange import Response
from longitudinal.http.headers import frame_ancestors
from longitudinal.http.static_files import CONTENT_TYPES, static_bytes, static_folder

INDEX = "timeline/index.html"
# Where the page's own addresses begin. They are relative to the page, which is served with and without a slash at its
# end, as Orthanc drops that slash before we see it; so "app/" before a path may come once too often.
PREFIX = "app/"
_ROOT = b"{{root}}"
_ACCESS = b"{{access}}"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "worker-src 'self'; base-uri 'none'; form-action 'none'; "
)


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
    is_restricted
        Whether the page shows who is logged in.

    Attributes
    ----------
    headers
        Of every answer.
    """

    def __init__(
        self, folder: Path, root: str, ancestors: Sequence[str] = (), *, is_restricted: bool = False
    ) -> None:
        self.headers = {
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
            "Content-Security-Policy": _POLICY + frame_ancestors(ancestors),
        }
        self._files = static_folder(folder, self.headers)
        access = b"restricted" if is_restricted else b"open"
        page = (folder / INDEX).read_bytes().replace(_ROOT, escape(root).encode()).replace(_ACCESS, access)
        self._files[INDEX] = static_bytes(page, CONTENT_TYPES[".html"], headers=self.headers)

    def answer(self, path: str, headers: Mapping[str, str]) -> Response:
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
        file = self._files.get(path.strip("/").removeprefix(PREFIX) or INDEX)
        if file is None:
            return Response(b"the page has no such file", 404, "text/plain", self.headers)
        return file.answer(headers)
