"""Stored objects read in a process of their own, in batches: Orthanc's interpreter is left to Orthanc.

What that process leaves is read here: objects that are no images, files that only the archive can read, and everything while
there is no process: a few instances after a pause, until it has started, or after it died.
"""

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import islice

import msgspec

from longitudinal.archive import Archive, StoredFile
from longitudinal.dicom.character_sets import default_encoding
from longitudinal.ingest.plain_records import decode_records
from longitudinal.ingest.stored_objects import StoredObject, StoredObjects
from longitudinal.jobs.deadline import Deadline, DeadlineReached
from longitudinal.jobs.messages import FilesRead, ReadTask
from longitudinal.jobs.supervisor import JobCrashed
from longitudinal.jobs.worker_process import NoInterpreter, TaskFailed, WorkerProcess
from longitudinal.sidecar.tables.records import InstanceRecord

LOGGER = logging.getLogger(__name__)

MODULE = "longitudinal.jobs.reading_worker"
MEMORY_MIB = 1024
"""Of the process: enhanced objects can have headers of hundreds of megabytes once they are read."""

# Read in one go while the batch before is written: some 30 ms. Of many instances the first batches are smaller, since
# nothing is read until it is known where their files lie.
_FIRST_BATCH, _BATCH = 25, 200
# Read here before it is asked again whether the process has started.
_MEANWHILE = 20
# Fewer are read at once: to ask another process takes as long.
_FEWEST = 3
# For a batch, or for a start on a busy machine.
_SECONDS = 20.0
# After a failure the process is left alone for so long.
_AFTER_ERROR_SECONDS = 60.0


class _Batch(msgspec.Struct, frozen=True):
    """Instances that are being read; `files` has None for one that is gone."""

    orthanc_ids: Sequence[str]
    files: Sequence[StoredFile | None]
    records: "Future[list[InstanceRecord | None]] | None"


class ReadingProcess:
    """Implements `longitudinal.ingest.stored_objects.ObjectReader`, for several threads.

    Parameters
    ----------
    objects
        Reads what the process leaves.
    """

    def __init__(self, archive: Archive, objects: StoredObjects, process: WorkerProcess) -> None:
        self._archive = archive
        self._objects = objects
        self._process = process
        # One thread starts the process and talks to it: the process ends with the thread that started it.
        self._thread = ThreadPoolExecutor(1, "longitudinal-reading")
        self._ending = threading.Event()
        self._is_ready = False
        self._is_starting = False
        self._not_before = 0.0

    def stop(self) -> None:
        """End the process; what is read afterwards is read here."""
        self._ending.set()
        self._thread.shutdown(wait=True)
        self._process.close()

    def read(self, orthanc_ids: Sequence[str]) -> Iterator[StoredObject | None]:
        """Each instance in order, a batch ahead of what was asked for."""
        done = 0
        while done < len(orthanc_ids) and (len(orthanc_ids) - done < _FEWEST or not self._is_fit()):
            yield from self._objects.read(orthanc_ids[done : done + _MEANWHILE])
            done += _MEANWHILE
        before: _Batch | None = None
        files = self._archive.listed_files(orthanc_ids[done:])
        for some in _batches(orthanc_ids[done:]):
            batch = self._begin(some, list(islice(files, len(some))))
            if before is not None:
                yield from self._finish(before)
            before = batch
        if before is not None:
            yield from self._finish(before)

    def _is_fit(self) -> bool:
        """Whether the process can be asked at once; if not it is started, and the caller does not wait."""
        if self._ending.is_set():
            return False
        if self._is_ready and self._process.is_running:
            return True
        if not self._is_starting and time.monotonic() >= self._not_before:
            self._is_starting = True
            self._is_ready = False
            with suppress(RuntimeError):  # it was stopped meanwhile
                self._thread.submit(self._start)
        return False

    def _start(self) -> None:
        try:
            self._is_ready = self._ask(ReadTask([])) == []
        finally:
            self._is_starting = False

    def _begin(self, orthanc_ids: Sequence[str], files: Sequence[StoredFile | None]) -> _Batch:
        default = default_encoding(self._archive.default_encoding())
        wanted = [
            (orthanc_id, file.path, file.size)
            for orthanc_id, file in zip(orthanc_ids, files, strict=True)
            if file is not None and file.path is not None
        ]
        try:
            records = self._thread.submit(self._ask, ReadTask(wanted, default)) if wanted else None
        except RuntimeError:  # it was stopped meanwhile
            records = None
        return _Batch(orthanc_ids, files, records)

    def _finish(self, batch: _Batch) -> Iterator[StoredObject | None]:
        found = [] if batch.records is None else batch.records.result()
        records = iter(found)
        for orthanc_id, file in zip(batch.orthanc_ids, batch.files, strict=True):
            record = next(records, None) if file is not None and file.path is not None else None
            if record is not None and file is not None:
                yield StoredObject(record, file)
            else:
                yield next(self._objects.read([orthanc_id]))

    def _ask(self, task: ReadTask) -> list[InstanceRecord | None]:
        """What the process makes of files; nothing where it fails, which is never the caller's concern."""
        try:
            answer = self._process.run(task, Deadline(_SECONDS, self._ending))
            assert isinstance(answer, FilesRead)
            return decode_records(answer.records)
        except DeadlineReached:
            LOGGER.info("The process that reads files was ended")
        except (JobCrashed, TaskFailed, NoInterpreter) as error:
            LOGGER.warning("Files are read in Orthanc's process for a while: %s", error)
        except Exception:
            LOGGER.exception("Files are read in Orthanc's process for a while")
        self._is_ready = False
        self._not_before = time.monotonic() + _AFTER_ERROR_SECONDS
        return []


class ReadingProcesses:
    """The same by several processes, for the jobs that read at the same time.

    Parameters
    ----------
    processes
        As long as one thing is read at a time, the first one reads it, and the others are not started.
    """

    def __init__(self, processes: Sequence[ReadingProcess]) -> None:
        self._lock = threading.Lock()
        self._in_use = dict.fromkeys(processes, 0)

    def stop(self) -> None:
        """End the processes."""
        for process in self._in_use:
            process.stop()

    def read(self, orthanc_ids: Sequence[str]) -> Iterator[StoredObject | None]:
        """Each instance in order, by the process that has the least to do."""
        with self._lock:
            process = min(self._in_use, key=self._in_use.__getitem__)
            self._in_use[process] += 1
        try:
            yield from process.read(orthanc_ids)
        finally:
            with self._lock:
                self._in_use[process] -= 1


def _batches(orthanc_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """All of them in order; if they are many, twice as many in each batch as in the one before.

    >>> [len(some) for some in _batches(["x"] * 500)], [len(some) for some in _batches(["x"] * 200)]
    ([25, 50, 100, 200, 125], [200])
    """
    size, start = _FIRST_BATCH if len(orthanc_ids) > _BATCH else _BATCH, 0
    while start < len(orthanc_ids):
        yield orthanc_ids[start : start + size]
        start, size = start + size, min(2 * size, _BATCH)
