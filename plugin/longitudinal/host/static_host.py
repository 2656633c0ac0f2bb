"""Pages and their files on Orthanc's own port: same origin, same login."""

import logging
import re
from collections.abc import Callable, Mapping
from typing import Any

import orthanc

from longitudinal.host.callbacks import immortal
from longitudinal.http.exchange import Response

LOGGER = logging.getLogger(__name__)

_OK = 200
Answer = Callable[[str, Mapping[str, str]], Response]
"""Answers a GET of a path below the root, by the headers of the request; raises OSError where a file cannot be read."""


class StaticHost:
    """Serves files below a root.

    Parameters
    ----------
    headers
        Of every answer that has none of these names itself.
    """

    def __init__(self, root: str, answer: Answer, headers: Mapping[str, str]) -> None:
        self._root = root
        self._answer = answer
        self._headers = headers

    def register(self) -> None:
        """Register the route with Orthanc. Of two routes that match a path the one that was registered first answers."""
        orthanc.RegisterRestCallback(f"{re.escape(self._root)}(/.*)?", immortal(self._serve))

    def _serve(self, output: Any, uri: str, **request: Any) -> None:
        # no pool: a look-up and a file, neither deep nor slow
        if request["method"] != "GET":
            self._set(output, {})
            output.SendMethodNotAllowed("GET")
            return
        try:
            response = self._answer(uri[len(self._root) :], request.get("headers", {}))
        except OSError:
            LOGGER.exception("The file of %s cannot be read", uri)
            self._set(output, {})
            output.SendHttpStatusCode(500)
            return
        self._set(output, response.headers)
        if response.status == _OK:
            output.AnswerBuffer(response.body, response.content_type)
        else:
            output.SendHttpStatusCode(response.status)

    def _set(self, output: Any, headers: Mapping[str, str]) -> None:
        for name, value in {**self._headers, **headers}.items():
            output.SetHttpHeader(name, value)
