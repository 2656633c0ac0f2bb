"""Verifies the statements in the sidecar again after the keys have changed."""

import logging
import threading
from concurrent.futures import Future, wait

from longitudinal.errors import SidecarUnavailable
from longitudinal.ingest.annotations import Annotations
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.tables.statements import read_verified_with, registrations, write_verified_with
from longitudinal.sidecar.writer import Writer

LOGGER = logging.getLogger(__name__)

_SECONDS = 1.0


class Reverify:
    """A thread that checks once, as soon as the sidecar can be read, and ends.

    Parameters
    ----------
    fingerprint
        Of the present keys.
    """

    def __init__(self, readers: Readers, writer: Writer, annotations: Annotations, fingerprint: str) -> None:
        self._readers = readers
        self._writer = writer
        self._annotations = annotations
        self._fingerprint = fingerprint
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="longitudinal-reverify", daemon=True)

    def start(self) -> None:
        """Start the thread; nothing waits for it."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and join it."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        is_told = False
        while not self._ended.is_set():
            try:
                self._look()
            except (
                Exception
            ) as error:  # usually a fault of the sidecar; the statements in it count until then
                if not is_told and not isinstance(error, SidecarUnavailable):
                    LOGGER.exception("Statements could not be verified again; retrying every second")
                    is_told = True
                self._ended.wait(_SECONDS)
            else:
                return

    def _look(self) -> None:
        connection = self._readers.connection()
        if read_verified_with(connection) == self._fingerprint:
            return
        objects = registrations(connection)
        if objects:
            LOGGER.warning(
                "The keys have changed: verifying the statements about %d objects again",
                len(objects),
            )
        for orthanc_id in objects:
            self._wait(self._annotations.refresh(orthanc_id))
            if self._ended.is_set():
                return
        self._wait(self._writer.call(lambda connection: write_verified_with(connection, self._fingerprint)))

    def _wait(self, done: Future[None]) -> None:
        """Wait until it is done or the thread is stopped; raises what it raised."""
        while not self._ended.is_set():
            if wait([done], _SECONDS).done:
                done.result()
                return
