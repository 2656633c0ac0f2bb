"""The versions of what the plugin runs in."""

import json
import platform

import orthanc

from longitudinal.http.routes.about import Versions


def read_versions() -> Versions:
    """As Orthanc states them at this moment."""
    system = json.loads(orthanc.RestApiGet("/system"))
    plugin = json.loads(orthanc.RestApiGet("/plugins/python"))
    return Versions(system["Version"], plugin["Version"], platform.python_version())
