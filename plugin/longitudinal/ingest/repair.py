"""The index put right where a request finds that it is out of date."""

import logging
from collections.abc import Sequence

from longitudinal.ingest.annotations import Annotations
from longitudinal.ingest.on_stored import Ingest
from longitudinal.points.stale import Stale
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.tables.places import read_report
from longitudinal.sidecar.tables.transforms import has_transforms

LOGGER = logging.getLogger(__name__)

# The change log announces an instance once and a callback once more; under load either comes late.
_ROUNDS = 8


class Repair:
    """Changes the sidecar after the archive and returns when that is done, for requests that wait for it."""

    def __init__(self, readers: Readers, ingest: Ingest, annotations: Annotations) -> None:
        self._readers = readers
        self._ingest = ingest
        self._annotations = annotations

    def answer(self, stale: Stale) -> None:
        """Forget what an answer named and the archive no longer has; read again what was rejected."""
        done = [self._ingest.vanished(orthanc_id) for orthanc_id in stale.instances]
        done += [self._ingest.deleted("studies", orthanc_id) for orthanc_id in stale.studies]
        done += [self._annotations.refresh(orthanc_id) for orthanc_id in stale.rejected]
        LOGGER.info("An answer was out of date; the index is corrected: %s", stale)
        for future in done:
            future.result()

    def gone(self, instances: Sequence[str]) -> None:
        """Forget instances (Orthanc ids) that the archive no longer has."""
        self.answer(Stale(instances=tuple(instances)))

    def report(self, orthanc_id: str) -> None:
        """Read a structured report that was stored a moment ago, in the same way."""
        for _ in range(_ROUNDS):
            if read_report(self._readers.connection(), orthanc_id):
                self._ingest.settle()  # what is committed is known to the patients in memory a moment later
                return
            done = self._ingest.index(orthanc_id)
            if done is None:
                return
            done.result()

    def registration(self, orthanc_id: str) -> None:
        """Read a registration object as it is now, with what is said about it.

        What is read while the change log is followed may count as out of date by the time it is written, and is not: then
        it is read again.
        """
        self._annotations.refresh(orthanc_id).result()
        for _ in range(_ROUNDS):
            if has_transforms(self._readers.connection(), orthanc_id):
                self._ingest.settle()
                return
            done = self._ingest.index(orthanc_id)  # no callback announced it
            if done is None:
                return
            done.result()
