"""PythonScript of a server that has the plugin, and `GET /thread-states`: how often each thread called, and as a new one."""

import json
import runpy
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import orthanc

runpy.run_path(str(Path(__file__).resolve().parents[2] / "plugin" / "main.py"))

from longitudinal.host.callbacks import immortal  # noqa: E402 - main.py makes it importable
from longitudinal.ingest.on_stored import Ingest  # noqa: E402

known = threading.local()  # what it holds goes with Python's state of the thread
calls: Counter[int] = Counter()
states: Counter[int] = Counter()
store = Ingest.stored


def note() -> None:
    """Count a call on this thread."""
    thread = threading.get_native_id()
    calls[thread] += 1
    if not hasattr(known, "state"):
        known.state = True
        states[thread] += 1


def stored(self: Ingest, orthanc_id: str) -> None:
    """As the plugin's own, counted."""
    note()
    store(self, orthanc_id)


def report(output: Any, uri: str, **request: Any) -> None:
    """The counts of each thread, this call among them."""
    note()
    counts = [{"calls": calls[thread], "states": states[thread]} for thread in list(calls)]
    output.AnswerBuffer(json.dumps(counts), "application/json")


Ingest.stored = stored  # type: ignore[method-assign]
orthanc.RegisterRestCallback("/thread-states", immortal(report))
