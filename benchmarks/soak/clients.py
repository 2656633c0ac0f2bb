"""Clients that resolve without a pause, each over a connection of its own, and how long each answer took."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pydicom.uid import generate_uid

from benchmarks.resolve import RawConnection
from benchmarks.soak.images import Image, make_series
from tests.orthanc.server import OrthancServer

ROUTE = "/imaging/points/resolve"
LOOKUP = "/tools/lookup"
"""Orthanc's own: the resource that has a UID, which is the body."""
PATIENT = "asked"
STUDIES, SLICES = 10, 40
IMAGES = STUDIES * SLICES
QUESTIONS = 50


def store_patient(server: OrthancServer, folder: Path) -> list[bytes]:
    """Store a patient of some studies; returns questions, each about a pixel of one of its images."""
    frame, images = generate_uid(), list[Image]()
    for _ in range(STUDIES):
        images += make_series(folder, PATIENT, SLICES, frame=frame)
    server.store_rest([image.path for image in images])
    step = len(images) // QUESTIONS
    return [
        json.dumps({"sopInstanceUid": image.sop_instance_uid, "row": 3.5, "column": 2.25}).encode()
        for image in images[::step]
    ]


class Clients:
    """So many clients with the same questions; an answer that is not the one of a quiet server is an error."""

    def __init__(self, server: OrthancServer, questions: list[bytes], count: int, route: str = ROUTE) -> None:
        self._server = server
        self._questions = questions
        self._count = count
        self._route = route
        connection = RawConnection(server)
        self._expected = [connection.post(route, question) for question in questions]
        self.errors: list[str] = []

    @property
    def matches(self) -> int:
        """How many studies the first answer names."""
        return len(json.loads(self._expected[0])["matches"])

    def ask_for(self, seconds: float) -> list[float]:
        """Ask so long; returns the seconds of each answer."""
        stop = threading.Event()
        with ThreadPoolExecutor(self._count) as pool:
            running = [pool.submit(self._ask, number, stop) for number in range(self._count)]
            time.sleep(seconds)
            stop.set()
            return [took for client in running for took in client.result()]

    def _ask(self, number: int, stop: threading.Event) -> list[float]:
        connection = RawConnection(self._server)
        times = []
        while not stop.is_set():
            number = (number + 1) % len(self._questions)
            began = time.perf_counter()
            try:
                answer = connection.post(self._route, self._questions[number])
            except (OSError, RuntimeError) as error:
                self.errors.append(f"{self._route}: {error}")
                connection = RawConnection(self._server)
                continue
            times.append(time.perf_counter() - began)
            if answer != self._expected[number]:
                self.errors.append(f"{self._route}: another answer to {self._questions[number]!r}")
        return times
