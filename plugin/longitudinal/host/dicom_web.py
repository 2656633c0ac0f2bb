"""The DICOMweb plugin, asked in Orthanc's own process."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import orthanc

from longitudinal.errors import ArchiveFailed
from longitudinal.host.access_services import roots_of
from longitudinal.http.routes.dicom_web import Found, Search

# Orthanc 1.10 takes most of a query as it comes; newer ones decode it, which leaves these as they are.
_AS_THEY_ARE = "^,*?\\/:;@!()'~ "


def search_of(configuration: Mapping[str, Any]) -> Search:
    """What searches by that plugin, at the root of its settings."""
    root = roots_of(configuration).dicom_web

    def search(path: str, arguments: Sequence[tuple[str, str]]) -> list[Found]:
        query = "&".join(f"{_written(name)}={_written(value)}" for name, value in arguments)
        try:
            found: list[Found] = json.loads(orthanc.RestApiGetAfterPlugins(f"{root}{path}?{query}"))
        except orthanc.OrthancException as error:
            raise ArchiveFailed(f"the DICOMweb plugin does not answer: {error}") from None
        return found

    return search


def _written(text: str) -> str:
    return "".join(one if one in _AS_THEY_ARE or ord(one) > 127 else quote(one, safe="") for one in text)
