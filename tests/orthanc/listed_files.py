"""PythonScript of a server that has the plugin, and `POST /listed-files`: where instances lie, asked for in each way."""

import json
import runpy
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orthanc

runpy.run_path(str(Path(__file__).resolve().parents[2] / "plugin" / "main.py"))

from longitudinal.archive import StoredFile  # noqa: E402 - main.py makes it importable
from longitudinal.host.callbacks import immortal  # noqa: E402
from longitudinal.host.listed_files import ListedFiles  # noqa: E402

FILES = ListedFiles(str)

asked = threading.local()  # the plugin's own threads ask as well


def noted(question: Callable[..., bytes]) -> Callable[..., bytes]:
    """The same question, remembered for a thread that wants to know what it asked."""

    def ask(path: str, *body: bytes) -> bytes:
        getattr(asked, "paths", []).append(path)
        return question(path, *body)

    return ask


orthanc.RestApiGet, orthanc.RestApiPost = noted(orthanc.RestApiGet), noted(orthanc.RestApiPost)


def said(file: StoredFile | None) -> list[Any] | None:
    """A file as JSON."""
    return None if file is None else [file.size, file.name]


def answer(output: Any, uri: str, **request: Any) -> None:
    """Both answers about the instances of the body, and the questions to Orthanc that the first one took."""
    instances = json.loads(request["body"])
    asked.paths = []
    together = [said(file) for file in FILES.many(instances)]
    questions = asked.paths
    del asked.paths
    alone = [said(FILES._one_or_none(instance)) for instance in instances]
    answers = {"together": together, "alone": alone, "asked": questions, "lists": FILES._can_list()}
    output.AnswerBuffer(json.dumps(answers), "application/json")


orthanc.RegisterRestCallback("/listed-files", immortal(answer))
