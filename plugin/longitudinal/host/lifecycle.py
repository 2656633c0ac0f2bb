"""Start and stop: settings, sidecar, services, callbacks."""

import json
import logging
import platform
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orthanc

from longitudinal.access.identity import read_users
from longitudinal.access.keyring import Keyring
from longitudinal.dicom.stored_values import STORED_VALUE_TAGS
from longitudinal.host.callbacks import immortal
from longitudinal.host.explorer import extend_explorer
from longitudinal.host.index_services import IndexServices
from longitudinal.host.log import forward_logging
from longitudinal.host.loopback import Loopback
from longitudinal.host.ohif import OhifHost
from longitudinal.host.orthanc_archive import BelievedArchive, OrthancArchive
from longitudinal.host.orthanc_inventory import OrthancInventory
from longitudinal.host.registration_services import RegistrationServices
from longitudinal.host.request_filter import FilterHost
from longitudinal.host.rest import RestHost
from longitudinal.host.timeline_page import TimelinePage
from longitudinal.http.admission import Admission
from longitudinal.http.headers import Guarded
from longitudinal.http.links import link_builder, stored_values_of
from longitudinal.http.router import Router
from longitudinal.http.routes.about import Versions, about_routes
from longitudinal.http.routes.alignments import Alignments, alignment_routes
from longitudinal.http.routes.documentation import with_documentation
from longitudinal.http.routes.header import header_routes
from longitudinal.http.routes.images import image_routes
from longitudinal.http.routes.index import IndexRoutes
from longitudinal.http.routes.jobs import job_routes
from longitudinal.http.routes.patients import patient_routes
from longitudinal.http.routes.point_map import point_map_routes
from longitudinal.http.routes.points import point_routes
from longitudinal.http.routes.refinements import Refinements
from longitudinal.http.routes.series import series_routes
from longitudinal.http.routes.studies import study_routes
from longitudinal.http.routes.transforms import transform_routes
from longitudinal.http.routes.uploads import upload_routes
from longitudinal.ingest.annotations import Annotations
from longitudinal.ingest.on_stored import Ingest
from longitudinal.ingest.reverify import Reverify
from longitudinal.ingest.stored_objects import StoredHeaders, StoredObjects
from longitudinal.patients.catalogue import Catalogue
from longitudinal.points.point_map import PointMapper
from longitudinal.points.resolver import Resolver
from longitudinal.points.series_stacks import StackReader
from longitudinal.points.stale import Stale
from longitudinal.registration_objects.given import GivenTransforms
from longitudinal.registration_objects.statements import Memories, Statements
from longitudinal.registration_objects.written import RegistrationObjects
from longitudinal.settings import Settings, read_settings
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.transforms import has_transforms
from longitudinal.sidecar.writer import Writer

LOGGER = logging.getLogger(__name__)

_DEFAULT_HTTP_THREADS = 50
_LEVELS = {
    orthanc.ResourceType.PATIENT: "patients",
    orthanc.ResourceType.STUDY: "studies",
    orthanc.ResourceType.SERIES: "series",
    orthanc.ResourceType.INSTANCE: "instances",
}


def start() -> None:
    """Read the settings, open the sidecar, register everything. Called once, from main.py.

    Raises
    ------
    InvalidSettings
        The plugin does not start; Orthanc goes on. A sidecar that cannot be opened stops neither: it is tried again.
    """
    forward_logging()
    configuration = json.loads(orthanc.GetConfiguration())
    plugin = _Plugin(read_settings(configuration), configuration)
    plugin.register()


class _Plugin:
    """Everything that lives as long as Orthanc does."""

    def __init__(self, settings: Settings, configuration: dict[str, Any]) -> None:
        path = _sidecar_path(settings, configuration)
        readers = Readers(path)
        catalogue = Catalogue(readers)
        archive = OrthancArchive(settings.metadata_base, _storage_path(configuration))
        self._readers = readers
        self._writer = Writer(readers, catalogue.invalidate, catalogue.forget)
        loopback = Loopback(configuration, settings.metadata_base)
        inventory = OrthancInventory()
        wake = threading.Event()
        keyring = Keyring(
            Path(settings.key_path) if settings.key_path else path.with_name(f"keys-{path.stem}.json")
        )
        memories = Memories(readers, lambda command: self._writer.submit(command, is_awaited=False))
        statements = Statements(archive, keyring, memories)
        believed = BelievedArchive(settings.metadata_base, _storage_path(configuration), statements.believed)
        self._ingest = Ingest(self._writer, believed, StoredObjects(believed, inventory), wake.set)
        self._annotations = Annotations(self._writer, believed)
        self._reverify = Reverify(readers, self._writer, self._annotations, keyring.fingerprint)
        self._background = IndexServices(
            settings, readers, self._writer, inventory, self._ingest, self._annotations, catalogue, wake
        )
        queue, completeness = self._background.queue, self._background.completeness
        self._ohif = OhifHost(settings, configuration)
        self._page = TimelinePage(settings)
        links = link_builder(settings.root, self._ohif.root)
        resolver = Resolver(readers, catalogue, archive, self._heal_answer, links, self._background.hurry)
        objects = RegistrationObjects(
            readers, archive, loopback, self._settle_registration, statements, settings.uid_root
        )
        given = GivenTransforms(
            readers, catalogue, archive, loopback, self._heal, self._settle_registration, objects, statements
        )
        self._aligner = RegistrationServices(
            settings, readers, catalogue, inventory, queue, self._background.index_study, objects,
            self._annotations, loopback, statements, resolver, links, archive.has_instance, self._heal,
        )  # fmt: skip
        admission = Admission(int(configuration.get("HttpThreadsCount", _DEFAULT_HTTP_THREADS)))
        headers = StoredHeaders(archive, inventory, STORED_VALUE_TAGS)
        stack_reader = StackReader(
            readers, catalogue, headers, archive.has_instance, self._heal, stored_values_of
        )
        alignments = Alignments(readers, catalogue, queue)
        routes = [
            *about_routes(settings.root, readers, self._writer, queue, completeness, statements, _versions),
            *IndexRoutes(readers, catalogue, inventory, queue, alignments, settings.max_body).routes(),
            *alignment_routes(readers, alignments, settings.max_body),
            *job_routes(queue),
            *header_routes(readers, inventory.tags),
            *image_routes(settings.root, readers, catalogue, inventory.tags),
            *series_routes(stack_reader),
            *patient_routes(readers, catalogue, queue, self._ohif.root),
            *point_routes(resolver, Refinements(resolver, queue, admission), settings.max_body),
            *point_map_routes(PointMapper(readers, catalogue, archive, self._heal_answer), settings.max_body),
            *study_routes(readers, catalogue, queue, self._ohif.root),
            *transform_routes(given, settings.max_body),
            *upload_routes(loopback, settings.max_upload),
        ]
        router = Router(with_documentation(settings.root, routes, settings.allowed_frame_ancestors))
        users = read_users(configuration)
        self._filter = FilterHost(settings, configuration, users)
        self._rest = RestHost(
            settings.root, router, admission, users, Guarded(settings.allowed_frame_ancestors)
        )
        self._root = settings.root
        LOGGER.info("The sidecar is %s", path)

    def register(self) -> None:
        """Hook into Orthanc. The writer runs from here on; in-process reads wait for ORTHANC_STARTED."""
        self._writer.start()
        orthanc.RegisterOnStoredInstanceCallback(immortal(self._on_stored))
        orthanc.RegisterOnChangeCallback(immortal(self._on_change))
        self._filter.register()
        self._page.register()
        self._rest.register()
        self._ohif.register()
        extend_explorer(self._root)

    def _on_stored(self, _: Any, orthanc_id: str) -> None:
        # Of the instance itself nothing is used: for one that was there already it is the file that was not taken.
        self._ingest.stored(orthanc_id)

    def _on_change(self, change: int, level: int, orthanc_id: str) -> None:
        if change == orthanc.ChangeType.DELETED:
            self._ingest.deleted(_LEVELS[level], orthanc_id)
        elif change == orthanc.ChangeType.UPDATED_METADATA:
            self._annotations.refresh(orthanc_id)
        elif change == orthanc.ChangeType.ORTHANC_STARTED:
            self._reverify.start()
            self._background.start()
            self._aligner.start()
        elif change == orthanc.ChangeType.ORTHANC_STOPPED:
            self._stop()

    def _heal_answer(self, stale: Stale) -> None:
        done = [self._ingest.vanished(orthanc_id) for orthanc_id in stale.instances]
        done += [self._ingest.deleted("studies", orthanc_id) for orthanc_id in stale.studies]
        done += [self._annotations.refresh(orthanc_id) for orthanc_id in stale.rejected]
        LOGGER.info("An answer was out of date, and the index with it: %s", stale)
        for future in done:
            future.result()

    def _heal(self, gone: Sequence[str]) -> None:
        self._heal_answer(Stale(instances=tuple(gone)))

    def _settle_registration(self, orthanc_id: str) -> None:
        """Return when the sidecar has a registration object as it is now, with what is said about it."""
        self._annotations.refresh(orthanc_id).result()
        if not has_transforms(self._readers.connection(), orthanc_id):
            done = self._ingest.index(orthanc_id)  # no callback told of it
            if done is not None:
                done.result()

    def _stop(self) -> None:
        self._rest.stop()
        self._reverify.stop()
        self._aligner.stop()
        self._background.stop()
        self._readers.close()
        self._writer.stop()  # the last connection: it empties the -wal file
        left = [thread.name for thread in threading.enumerate() if thread.name.startswith("longitudinal")]
        if left:
            LOGGER.error("Threads still running at stop: %s", ", ".join(left))


def _storage_path(configuration: dict[str, Any]) -> Path:
    return Path(configuration.get("StorageDirectory") or "OrthancStorage")


def _sidecar_path(settings: Settings, configuration: dict[str, Any]) -> Path:
    if settings.sidecar_path is not None:
        return Path(settings.sidecar_path)
    return (
        Path(configuration.get("IndexDirectory") or _storage_path(configuration))
        / f"longitudinal-{configuration.get('Name') or 'Orthanc'}.sqlite"
    )


def _versions() -> Versions:
    system = json.loads(orthanc.RestApiGet("/system"))
    plugin = json.loads(orthanc.RestApiGet("/plugins/python"))
    return Versions(system["Version"], plugin["Version"], platform.python_version())
