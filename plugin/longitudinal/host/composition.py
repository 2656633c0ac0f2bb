"""The one place where services and adapters are wired together. Nothing runs here yet."""

import logging
import threading
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from longitudinal.access.gate import Own
from longitudinal.access.identity import Users, read_users
from longitudinal.access.keyring import Keyring
from longitudinal.dicom.stored_values import STORED_VALUE_TAGS
from longitudinal.dicom.suv import SUV_TAGS
from longitudinal.exams.description import Describer, Places
from longitudinal.exams.documents import ExamDocuments
from longitudinal.exams.exams import Exams
from longitudinal.host.access_services import AccessServices, roots_of
from longitudinal.host.audit_services import AuditServices
from longitudinal.host.dicom_web import search_of
from longitudinal.host.index_services import STUDIES, IndexServices
from longitudinal.host.loopback import Loopback
from longitudinal.host.metrics import MetricsHost, metrics_of
from longitudinal.host.ohif import OhifHost, dicom_web_roots
from longitudinal.host.orthanc_archive import BelievedArchive, OrthancArchive
from longitudinal.host.orthanc_inventory import OrthancInventory
from longitudinal.host.paths import from_configuration
from longitudinal.host.plain_storage import PlainStorage
from longitudinal.host.registration_services import RegistrationServices, workplace_of
from longitudinal.host.request_filter import FilterHost
from longitudinal.host.rest import RestHost, by_password
from longitudinal.host.static_host import StaticHost
from longitudinal.host.versions import read_versions
from longitudinal.http.addresses import Addresses
from longitudinal.http.admission import Admission
from longitudinal.http.headers import Guarded
from longitudinal.http.links import link_builder, place_links, stored_values_of
from longitudinal.http.measures import Measures
from longitudinal.http.other_origins import OtherOrigins
from longitudinal.http.page_files import PageFiles
from longitudinal.http.rate_limits import RateLimiter
from longitudinal.http.reslices import Reslices
from longitudinal.http.route_table import Services, build_router
from longitudinal.ingest.annotations import Annotations
from longitudinal.ingest.on_stored import Ingest
from longitudinal.ingest.repair import Repair
from longitudinal.ingest.reverify import Reverify
from longitudinal.ingest.stored_objects import StoredDepths, StoredHeaders, StoredObjects
from longitudinal.jobs import reading
from longitudinal.jobs.kept_cuts import KeptCuts
from longitudinal.jobs.reading import ReadingProcess, ReadingProcesses
from longitudinal.jobs.scan_planes import last_updates
from longitudinal.jobs.worker_process import WorkerProcess
from longitudinal.patients.catalogue import Catalogue
from longitudinal.patients.study_lookup import StudyLookup
from longitudinal.places.diameters import MeasuredPlaces
from longitudinal.places.writing import PlaceReports
from longitudinal.points.point_map import PointMapper
from longitudinal.points.radiotherapy.at_point import RadiotherapyPoints
from longitudinal.points.radiotherapy.fiducials import FiducialLists
from longitudinal.points.radiotherapy.listing import StructureLists
from longitudinal.points.radiotherapy.memory import ObjectMemory
from longitudinal.points.radiotherapy.outlines import OverlayLines
from longitudinal.points.reslice import CutPlanner
from longitudinal.points.resolver import Resolver
from longitudinal.points.series_stacks import StackReader
from longitudinal.registration_objects.given import GivenTransforms
from longitudinal.registration_objects.statements import Memories, Statements
from longitudinal.registration_objects.written import RegistrationObjects
from longitudinal.settings import Settings
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.series_blocks import SeriesBlocks
from longitudinal.sidecar.tables.instances import Touched
from longitudinal.sidecar.writer import Writer

LOGGER = logging.getLogger(__name__)

_DEFAULT_HTTP_THREADS = 50
_PAGE = Path(__file__).parents[1] / "web"


class Plugin(msgspec.Struct, frozen=True):
    """Everything that lives as long as Orthanc does: what `lifecycle` registers, starts and stops."""

    root: str
    readers: Readers
    writer: Writer
    ingest: Ingest
    reader: ReadingProcesses
    annotations: Annotations
    reverify: Reverify
    indexing: IndexServices
    registration: RegistrationServices
    filter: FilterHost
    rest: RestHost
    ohif: OhifHost
    page: StaticHost
    access: AccessServices | None
    measures: Measures
    metrics: MetricsHost
    audit: AuditServices


class _Storage(msgspec.Struct, frozen=True):
    """The archive, its index, and what keeps the one like the other.

    Attributes
    ----------
    archive
        As Orthanc has it.
    """

    readers: Readers
    writer: Writer
    catalogue: Catalogue
    archive: OrthancArchive
    inventory: OrthancInventory
    loopback: Loopback
    keyring: Keyring
    statements: Statements
    documents: ExamDocuments
    ingest: Ingest
    annotations: Annotations
    reverify: Reverify
    wake: threading.Event
    files: PlainStorage
    blocks: SeriesBlocks
    reader: ReadingProcesses


def compose(settings: Settings, configuration: dict[str, Any]) -> Plugin:
    """Wire the plugin.

    Parameters
    ----------
    configuration
        Orthanc's own.

    Raises
    ------
    InvalidSettings
    """
    measures, addresses = Measures(), Addresses()
    storage = _storage(settings, configuration, measures)

    def compared() -> None:
        if storage.files.trust():
            storage.catalogue.believe_files()

    indexing = IndexServices(
        settings, storage.readers, storage.writer, storage.inventory, storage.ingest, storage.annotations,
        storage.catalogue, storage.wake, storage.blocks, compared,
    )  # fmt: skip
    ohif = OhifHost(settings, configuration)
    admission = Admission(int(configuration.get("HttpThreadsCount", _DEFAULT_HTTP_THREADS)))
    users = read_users(configuration)
    access = _access(settings, configuration, storage, users, ohif.root)
    actor_of = by_password(users) if access is None else access.identity.actor
    audit = AuditServices(
        settings, configuration, storage.readers.path, storage.keyring, storage.readers, actor_of
    )
    services, registration = _services(
        settings, configuration, storage, indexing, ohif.root, admission, access, measures, audit
    )
    page = PageFiles(
        _PAGE, settings.root, settings.allowed_frame_ancestors, is_restricted=settings.access is not None
    )
    guarded = Guarded(settings.allowed_frame_ancestors)
    return Plugin(
        root=settings.root,
        readers=storage.readers,
        writer=storage.writer,
        ingest=storage.ingest,
        reader=storage.reader,
        annotations=storage.annotations,
        reverify=storage.reverify,
        indexing=indexing,
        registration=registration,
        filter=FilterHost(
            settings, configuration, users, None if access is None else access.gate, measures.count, addresses,
            audit.audit, () if ohif.root is None else (ohif.root,),
        ),
        rest=RestHost(
            settings.root, build_router(services), admission, users, guarded,
            None if access is None else access.identity, measures, others=OtherOrigins(settings.allowed_origins),
            limiter=RateLimiter(settings.rate_limits), addresses=addresses,
            logs_requests=settings.json_log_path is not None, audit=audit.audit,
        ),
        ohif=ohif,
        page=StaticHost(f"{settings.root}/app", page.answer, page.headers),
        access=access,
        measures=measures,
        metrics=MetricsHost(metrics_of(services, measures)),
        audit=audit,
    )  # fmt: skip


def _access(
    settings: Settings, configuration: dict[str, Any], of: _Storage, users: Users, ohif_root: str | None
) -> AccessServices | None:
    """Who may see what; None where the settings do not say."""
    if settings.access is None:
        return None
    own = Own(settings.root, () if ohif_root is None else (ohif_root,))
    access = AccessServices(
        settings.access, users, of.keyring, of.archive, of.loopback, of.readers, of.inventory, own, roots_of(configuration)
    )  # fmt: skip
    of.annotations.listeners.append(access.changed)
    return access


def _storage(settings: Settings, configuration: dict[str, Any], measures: Measures) -> _Storage:
    path, files = _sidecar_path(settings, configuration), PlainStorage(_storage_path(configuration))
    LOGGER.info("The sidecar is %s", path)
    readers = Readers(path)
    catalogue = Catalogue(readers)
    blocks = SeriesBlocks(readers)

    def committed(touched: frozenset[Touched]) -> None:
        catalogue.invalidate(touched)
        blocks.touched(touched)

    def opened() -> None:
        catalogue.forget()
        blocks.forget()

    writer = Writer(readers, committed, opened)
    archive, inventory = OrthancArchive(settings.metadata_base, files), OrthancInventory()
    keyring = Keyring(
        from_configuration(settings.key_path)
        if settings.key_path
        else path.with_name(f"keys-{path.stem}.json")
    )
    memories = Memories(readers, lambda command: writer.submit(command, is_awaited=False))
    statements = Statements(archive, keyring, memories)
    # the index takes over only what is signed
    believed = BelievedArchive(settings.metadata_base, files, statements.believed)
    loopback = Loopback(configuration, settings.metadata_base)
    place = replace(workplace_of(settings, loopback), threads=1, memory_mib=reading.MEMORY_MIB)
    here = StoredObjects(believed, inventory)
    reader = ReadingProcesses(
        [ReadingProcess(believed, here, WorkerProcess(place, reading.MODULE)) for _ in range(STUDIES)]
    )
    wake = threading.Event()

    def hurry() -> None:
        if not wake.is_set():  # while stores come in it nearly always is, and setting it takes a lock
            wake.set()

    documents = ExamDocuments(keyring, lambda: statements.problem)
    annotations = Annotations(writer, believed, documents)
    return _Storage(
        readers=readers,
        writer=writer,
        catalogue=catalogue,
        archive=archive,
        inventory=inventory,
        loopback=loopback,
        keyring=keyring,
        statements=statements,
        documents=documents,
        ingest=Ingest(writer, believed, reader, hurry, partial(measures.count, "stores_total")),
        annotations=annotations,
        reverify=Reverify(readers, writer, annotations, keyring.fingerprint),
        wake=wake,
        files=files,
        blocks=blocks,
        reader=reader,
    )


def _services(
    settings: Settings,
    configuration: dict[str, Any],
    of: _Storage,
    indexing: IndexServices,
    ohif_root: str | None,
    admission: Admission,
    access: AccessServices | None,
    measures: Measures,
    audit: AuditServices,
) -> tuple[Services, RegistrationServices]:
    """What the routes need, and what does registrations."""
    repair = Repair(of.readers, of.ingest, of.annotations)
    links = link_builder(settings.root, ohif_root)
    exams = Exams(
        of.readers, of.archive, of.loopback, of.documents, StudyLookup(of.readers, of.catalogue),
        of.annotations.refresh, of.writer.submit, settings.exam_id_pattern,
    )  # fmt: skip
    resolver = Resolver(
        of.readers, of.catalogue, of.archive, repair.answer, links, indexing.hurry, of.statements.unsigned,
        exams.studies_of, of.files.holds_all,
    )  # fmt: skip
    objects = RegistrationObjects(
        of.readers, of.archive, of.loopback, repair.registration, of.statements, settings.uid_root
    )
    given = GivenTransforms(
        of.readers, of.catalogue, of.archive, of.loopback, repair.gone, repair.registration, objects, of.statements
    )  # fmt: skip
    headers = StoredHeaders(of.archive, of.inventory, STORED_VALUE_TAGS)
    stack_reader = StackReader(
        of.readers, of.catalogue, headers, StoredDepths(of.archive), of.archive.has_instance, repair.answer,
        stored_values_of,
    )  # fmt: skip
    planner = CutPlanner(resolver, of.archive, repair.answer, last_updates(of.readers, of.inventory))
    kept = KeptCuts()
    registration = RegistrationServices(
        settings, of.readers, of.catalogue, of.inventory, indexing.queue, indexing.index_study, objects,
        of.annotations, of.loopback, of.statements, resolver, links, of.archive.has_instance, repair.gone,
        planner, stack_reader, kept, StoredHeaders(of.archive, of.inventory, STORED_VALUE_TAGS | SUV_TAGS), admission,
        of.archive.version,
    )  # fmt: skip
    places = MeasuredPlaces(
        of.readers, of.catalogue, of.archive, resolver,
        PlaceReports(
            of.archive, registration.reports, of.loopback, repair.report, repair.gone, settings.uid_root
        ),
        repair.answer, place_links(settings.root, ohif_root),
    )  # fmt: skip
    memory = ObjectMemory(of.archive, of.readers)
    services = Services(
        settings=settings,
        ohif_root=ohif_root,
        readers=of.readers,
        writer=of.writer,
        catalogue=of.catalogue,
        queue=indexing.queue,
        completeness=indexing.completeness,
        inventory=of.inventory,
        statements=of.statements,
        resolver=resolver,
        stack_reader=stack_reader,
        point_mapper=PointMapper(of.readers, of.catalogue, of.archive, repair.answer),
        reslices=Reslices(planner, indexing.queue, kept, admission),
        radiotherapy=RadiotherapyPoints(resolver, of.archive, memory, repair.answer),
        overlays=OverlayLines(resolver, of.archive, memory, registration.drawing, repair.answer),
        structure_lists=StructureLists(of.archive, memory, repair.answer),
        fiducial_lists=FiducialLists(of.archive, of.readers, memory, repair.answer),
        given=given,
        places=places,
        receiver=of.loopback,
        admission=admission,
        versions=read_versions,
        exams=exams,
        describe_exam=Describer(of.readers, of.archive, _places(settings, configuration, ohif_root)),
        measures=measures,
        version_of=of.archive.version,
        read_pixels=of.loopback.pixels,
        file_of=of.archive.file,
        access=None if access is None else access.access,
        search=search_of(configuration),
        audit=audit.audit,
    )  # fmt: skip
    return services, registration


def _places(settings: Settings, configuration: dict[str, Any], ohif_root: str | None) -> Places:
    dicom_web, wado = dicom_web_roots(configuration)
    return Places(settings.root, dicom_web, wado, ohif_root)


def _storage_path(configuration: dict[str, Any]) -> Path:
    return from_configuration(configuration.get("StorageDirectory") or "OrthancStorage")


def _sidecar_path(settings: Settings, configuration: dict[str, Any]) -> Path:
    if settings.sidecar_path is not None:
        return from_configuration(settings.sidecar_path)
    index = configuration.get("IndexDirectory")
    folder = from_configuration(index) if index else _storage_path(configuration)
    return folder / f"longitudinal-{configuration.get('Name') or 'Orthanc'}.sqlite"
