"""PythonScript of a server that has the plugin, and a way past its filter: `PUT /another-hand/instances/.../metadata/4000`.

As somebody writes who is not stopped: an older version on another node, a program with access to the database, a backup.
"""

import runpy
from pathlib import Path
from typing import Any

import orthanc

runpy.run_path(str(Path(__file__).resolve().parents[2] / "plugin" / "main.py"))


def write(output: Any, uri: str, **request: Any) -> None:
    """Do in Orthanc's process, where no filter looks, what is asked of the path behind the first segment."""
    path = uri.removeprefix("/another-hand")
    if request["method"] == "PUT":
        orthanc.RestApiPut(path, bytes(request["body"]))
    else:
        orthanc.RestApiDelete(path)
    output.AnswerBuffer("{}", "application/json")


orthanc.RegisterRestCallback("/another-hand/.*", write)
