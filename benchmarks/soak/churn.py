"""A busy archive: associations that store without a pause, and clients that delete and modify what they have stored."""

import queue
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

from benchmarks.soak.images import Image, make_series
from benchmarks.soak.stream import Stream
from tests.orthanc.server import OrthancServer, ServerSession

CHANGERS = 2
STUDIES, SLICES, SIDE = 3, 40, 256
"""Of each association in turn; 128 KiB an image."""
STORE_SECONDS = 120.0


class Churn:
    """Runs while the block lasts, and may be entered again; what happened is counted over all of it.

    A study is stored by one association, then deleted or modified by one changer, then free to be stored again: no
    client meets a 404 of another's making, so every answer that is not a success is an error.
    """

    def __init__(self, server: OrthancServer, folder: Path, associations: int) -> None:
        self._server = server
        self._associations = associations
        self._free: queue.Queue[list[Image]] = queue.Queue()
        self._stored: queue.Queue[list[Image]] = queue.Queue()
        for number in range(STUDIES * associations):
            self._free.put(make_series(folder, f"flood {number}", SLICES, SIDE))
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self.stores = self.deletes = self.modifies = 0
        self.errors: list[str] = []

    def __enter__(self) -> "Churn":
        self._stop.clear()
        self._pool = ThreadPoolExecutor(self._associations + CHANGERS)
        self._running = [self._pool.submit(self._store) for _ in range(self._associations)]
        self._running += [self._pool.submit(self._change, random.Random(n)) for n in range(CHANGERS)]
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._pool.shutdown()
        for thread in self._running:
            thread.result()

    def _store(self) -> None:
        while not self._stop.is_set():
            try:
                study = self._free.get(timeout=0.1)
            except queue.Empty:
                continue
            stream = Stream(self._server, study, 1)
            stream.finish(STORE_SECONDS)
            with self._lock:
                self.stores += len(stream.acknowledged)
                if len(stream.acknowledged) != len(study) or stream.exit_codes != [0]:
                    self.errors.append(
                        f"{len(stream.acknowledged)} of {len(study)} C-STOREs, {stream.exit_codes}"
                    )
            self._stored.put(study)

    def _change(self, chance: random.Random) -> None:
        with self._server.new_session() as session:
            while not self._stop.is_set():
                try:
                    study = self._stored.get(timeout=0.1)
                except queue.Empty:
                    continue
                if chance.random() < 0.5:
                    self._delete(session, f"/instances/{chance.choice(study).orthanc_id}")
                    self._delete(session, f"/studies/{study[0].study}")
                else:
                    self._modify(session, study[0].patient)
                self._free.put(study)

    def _delete(self, session: ServerSession, path: str) -> None:
        self._count(session.delete(path).status_code, f"DELETE {path}")
        with self._lock:
            self.deletes += 1

    def _modify(self, session: ServerSession, patient: str) -> None:
        """Give a patient another id; every second one is deleted afterwards."""
        body = {"Replace": {"PatientID": f"moved {uuid4()}"}, "Force": True, "KeepSource": False}
        answer = session.post(f"/patients/{patient}/modify", json=body)
        self._count(answer.status_code, f"modify of {patient}")
        with self._lock:
            self.modifies += 1
            is_kept = self.modifies % 2 == 0
        if answer.ok and not is_kept:
            self._delete(session, f"/patients/{answer.json()['ID']}")

    def _count(self, status: int, what: str) -> None:
        if status != 200:
            with self._lock:
                self.errors.append(f"{what}: HTTP {status}")
