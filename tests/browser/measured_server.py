"""A server with the measured patient, and its page."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from tests.browser.measured_patient import FRAME, LESION, OTHER, PATIENT, SHIFT, files
from tests.browser.timeline import WITHIN_MS
from tests.orthanc.server import OrthancServer

POINT = ",".join([PATIENT, FRAME, *map(str, LESION)])


@contextmanager
def measured_server(folder: Path, is_aligned: bool = True) -> Iterator[OrthancServer]:
    with OrthancServer(folder, configuration={"Longitudinal": {"AlignOnArrival": False}}) as server:
        stored = files()
        server.store_rest(stored)
        server.wait_indexed(
            lambda health: health["instances"] == len(stored) and not health["queued"], WITHIN_MS / 1000
        )
        matrix = np.eye(4)
        matrix[:3, 3] = SHIFT
        given = {
            "sourceFrameOfReferenceUid": FRAME, "targetFrameOfReferenceUid": OTHER, "matrix": matrix.tolist(),
            "expectedErrorMm": 2.0,
        }  # fmt: skip
        if is_aligned:
            assert server.session.post("/imaging/transforms", json=given).status_code == 201
        yield server
