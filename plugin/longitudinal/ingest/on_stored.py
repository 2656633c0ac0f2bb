"""The hint: what Orthanc's callbacks say goes on the writer's queue, and the callback returns at once."""

import json
import logging
import sqlite3
from collections.abc import Iterable
from concurrent.futures import Future

from longitudinal.archive import Archive
from longitudinal.ingest.record import read_record
from longitudinal.sidecar.instances import InstanceWriter, Touched
from longitudinal.sidecar.patients import instances_under
from longitudinal.sidecar.writer import Writer

LOGGER = logging.getLogger(__name__)


class Ingest:
    """Follows what is stored in and deleted from the archive.

    Parameters
    ----------
    writer
        Where changes of the sidecar are queued.
    archive
        Asked again before a delete is believed, since a re-send can overtake it.
    """

    def __init__(self, writer: Writer, archive: Archive) -> None:
        self._writer = writer
        self._archive = archive

    def stored(self, orthanc_id: str, tags_json: str) -> None:
        """An instance was stored; `tags_json` are its tags in Orthanc's short form."""

        def put(_: sqlite3.Connection, instances: InstanceWriter) -> Iterable[Touched]:
            try:
                return [instances.put(read_record(orthanc_id, json.loads(tags_json), self._archive))]
            except KeyError:
                LOGGER.info("Instance %s was gone before it could be indexed", orthanc_id)
                return []

        self._writer.submit(put)

    def deleted(self, level: str, orthanc_id: str) -> Future[None]:
        """A resource of `level` ("patients", "studies", "series", "instances") was deleted, or is said to be.

        The future is done when the sidecar knows.
        """

        def remove(connection: sqlite3.Connection, instances: InstanceWriter) -> Iterable[Touched]:
            gone = [
                x for x in instances_under(connection, level, orthanc_id) if not self._archive.has_instance(x)
            ]
            return [touched for x in gone if (touched := instances.remove(x)) is not None]

        return self._writer.submit(remove)
