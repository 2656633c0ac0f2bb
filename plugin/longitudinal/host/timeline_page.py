"""The timeline page on Orthanc's own port: same origin, same login."""

import logging
import re
from pathlib import Path
from typing import Any

import orthanc

from longitudinal.host.callbacks import immortal
from longitudinal.http.page_files import PageFiles
from longitudinal.settings import Settings

LOGGER = logging.getLogger(__name__)

_FOLDER = Path(__file__).parents[1] / "web"
_OK = 200


class TimelinePage:
    """Serves the page below `<Root>/app`."""

    def __init__(self, settings: Settings) -> None:
        self._root = f"{settings.root}/app"
        self._files = PageFiles(_FOLDER, settings.root, settings.allowed_frame_ancestors)

    def register(self) -> None:
        """Register the route with Orthanc, before the routes of the same root: the first that matches answers."""
        orthanc.RegisterRestCallback(f"{re.escape(self._root)}(/.*)?", immortal(self._serve))

    def _serve(self, output: Any, uri: str, **request: Any) -> None:
        # no pool: a look-up and a file, neither deep nor slow
        if request["method"] != "GET":
            output.SendMethodNotAllowed("GET")
            return
        try:
            file = self._files.answer(uri[len(self._root) :], request.get("headers", {}))
        except OSError:
            LOGGER.exception("The page's file %s cannot be read", uri)
            output.SendHttpStatusCode(500)
            return
        for name, value in file.headers.items():
            output.SetHttpHeader(name, value)
        if file.status == _OK:
            output.AnswerBuffer(file.body, file.content_type)
        else:
            output.SendHttpStatusCode(file.status)
