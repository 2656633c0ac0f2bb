"""What the fuzzer does not send: its process loads this module."""

from typing import Any
from urllib.parse import unquote

import schemathesis


@schemathesis.hook
def filter_path_parameters(context: object, path_parameters: dict[str, Any] | None) -> bool:
    """Leave out backslashes: Orthanc's web server takes them for slashes, so that ``studies/\\`` is the list of studies."""
    return not any("\\" in unquote(str(value)) for value in (path_parameters or {}).values())
