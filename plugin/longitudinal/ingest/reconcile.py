"""Compares the archive with the sidecar, study by study, series by series.

Deletes are not in the change log, and a sidecar may be new, old, or of another archive. The number of instances and
LastUpdate of each series are compared; identifiers only if these differ, contents only if LastUpdate does.
"""

import logging
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

from longitudinal.dicom.reader_versions import CURRENT
from longitudinal.ingest.inventory import ArchivedStudy, Inventory
from longitudinal.ingest.on_stored import Ingest
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.tables.patients import instances_under
from longitudinal.sidecar.tables.studies import SeriesState, all_studies, known_studies, series_states
from longitudinal.sidecar.tables.transforms import registrations_of_study

LOGGER = logging.getLogger(__name__)

_PAGE = 500
_NOTHING = SeriesState()


class Reconcile:
    """Compares the archive with the sidecar; used by one thread.

    Parameters
    ----------
    queue_studies
        Called with the studies of which instances are missing or were read by an outdated reader.
    annotated
        Called with the patients, studies and registration objects whose metadata may have changed unnoticed.
    """

    def __init__(
        self,
        inventory: Inventory,
        readers: Readers,
        ingest: Ingest,
        queue_studies: Callable[[Sequence[ArchivedStudy]], None],
        annotated: Callable[[str], object] = lambda resource: None,
    ) -> None:
        self._inventory = inventory
        self._readers = readers
        self._ingest = ingest
        self._queue_studies = queue_studies
        self._annotated = annotated

    def steps(self) -> Iterator[None]:
        """One pass, in steps of milliseconds, so that the caller can do other work between them, or stop.

        First the studies missing in the sidecar, then those missing in the archive, then differences within studies.
        """
        seen: list[str] = []
        old: list[str] = []
        for page in self._pages():
            seen += page
            known = known_studies(self._readers.connection(), page)
            old += [study for study in page if study in known]
            yield from self._announce([study for study in page if study not in known])
        yield from self._remove_gone(set(seen))
        for orthanc_id in old:
            yield from self._compare(orthanc_id)
            yield

    def _pages(self) -> Iterator[list[str]]:
        since = 0
        while page := self._inventory.studies(since, _PAGE):
            yield page
            since += len(page)

    def _announce(self, orthanc_ids: Sequence[str]) -> Iterator[None]:
        studies = []
        for orthanc_id in orthanc_ids:
            study = self._study(orthanc_id)
            if study is not None:
                studies.append(study)
                self._ingest.announce(study)
            yield
        if studies:
            self._ingest.settle()
            for study in studies:
                self._annotated(study.orthanc_id)
                self._annotated(study.patient)
            self._queue_studies(studies)

    def _remove_gone(self, seen: set[str]) -> Iterator[None]:
        for orthanc_id in all_studies(self._readers.connection()):
            if orthanc_id not in seen:  # gone, or missed because a delete shifted the pages: `deleted` checks
                self._ingest.deleted("studies", orthanc_id).result()
                yield

    def _compare(self, orthanc_id: str) -> Iterator[None]:
        study = self._study(orthanc_id)
        if study is None:
            self._ingest.deleted("studies", orthanc_id).result()
            return
        states = series_states(self._readers.connection(), orthanc_id, CURRENT)
        for series in states.keys() - set(study.series):
            self._ingest.deleted("series", series).result()
        is_missing = False
        for series in study.series:
            state, last_update = states.get(series, _NOTHING), self._inventory.last_update(series)
            if len(self._inventory.instances(series)) != state.instances or last_update != state.last_update:
                is_missing |= yield from self._compare_instances(series, state, last_update)
        if is_missing:
            self._ingest.announce(study).result()  # its row was removed with its last indexed instance
        if is_missing or any(state.is_outdated for state in states.values()):
            self._queue_studies([study])
        for resource in (
            orthanc_id,
            study.patient,
            *registrations_of_study(self._readers.connection(), orthanc_id),
        ):
            self._annotated(resource)

    def _compare_instances(
        self, series: str, state: SeriesState, last_update: str
    ) -> Generator[None, None, bool]:
        """Remove what is gone and read again what was overwritten; returns whether instances are missing in the sidecar."""
        self._ingest.settle()  # what is being stored at present is not missing
        known = set(instances_under(self._readers.connection(), "series", series))
        stored = set(self._inventory.instances(series))
        for instance in known - stored:
            self._ingest.deleted("instances", instance).result()
        if state.last_update not in (None, last_update):
            yield from self._read_again(known & stored)
        # If some are missing, a job reads them, and the next pass notes LastUpdate.
        noted = last_update if stored <= known else None
        if noted != state.last_update:
            self._ingest.note_last_update(series, noted).result()
        return noted is None

    def _read_again(self, instances: Iterable[str]) -> Iterator[None]:
        """Read what may have been overwritten. Instances reported by a callback since the start were read then."""
        told = [instance for instance in instances if not self._ingest.has_told(instance)]
        waiting = []
        for _, done in self._ingest.index_all(told):
            waiting.append(done)
            yield
        self._ingest.settle()
        for done in waiting:
            if done is not None:
                done.result()
        if waiting:
            LOGGER.info(
                "Read %d instances again, because LastUpdate of their series has changed", len(waiting)
            )

    def _study(self, orthanc_id: str) -> ArchivedStudy | None:
        try:
            return self._inventory.study(orthanc_id)
        except KeyError:
            return None
