"""Every route of the plugin, built from the services they need."""

from collections.abc import Callable

import msgspec

from longitudinal.access.audit.service import Audit
from longitudinal.archive import ArchiveReceiver
from longitudinal.exams.description import Describer
from longitudinal.exams.exams import Exams
from longitudinal.http.admission import Admission
from longitudinal.http.deidentified import Masks
from longitudinal.http.measurements import Measurements
from longitudinal.http.measures import Measures
from longitudinal.http.refinements import Refinements
from longitudinal.http.reslices import Reslices
from longitudinal.http.router import Limits, Router
from longitudinal.http.routes.about import Versions, about_routes
from longitudinal.http.routes.access import Access, access_routes
from longitudinal.http.routes.alignments import alignment_routes
from longitudinal.http.routes.audit import audit_routes
from longitudinal.http.routes.diameters import diameter_routes
from longitudinal.http.routes.dicom_web import Search, dicom_web_routes
from longitudinal.http.routes.documentation import with_documentation
from longitudinal.http.routes.exams import exam_routes
from longitudinal.http.routes.header import header_routes
from longitudinal.http.routes.images import image_routes
from longitudinal.http.routes.index import index_routes
from longitudinal.http.routes.jobs import job_routes
from longitudinal.http.routes.patients import patient_routes
from longitudinal.http.routes.place_values import place_value_routes
from longitudinal.http.routes.places import place_routes
from longitudinal.http.routes.point_map import point_map_routes
from longitudinal.http.routes.points import point_routes
from longitudinal.http.routes.radiotherapy import radiotherapy_routes
from longitudinal.http.routes.relations import relation_routes
from longitudinal.http.routes.rendered import rendered_routes
from longitudinal.http.routes.reslice import reslice_routes
from longitudinal.http.routes.reviews import review_routes
from longitudinal.http.routes.series import series_routes
from longitudinal.http.routes.shares import share_routes
from longitudinal.http.routes.studies import study_routes
from longitudinal.http.routes.transforms import transform_routes
from longitudinal.http.routes.uploads import upload_routes
from longitudinal.ingest.completeness import Completeness
from longitudinal.ingest.inventory import Inventory
from longitudinal.jobs.align_requests import AlignRequests
from longitudinal.jobs.index_status import IndexProgress
from longitudinal.jobs.queue import JobQueue
from longitudinal.patients.catalogue import Catalogue
from longitudinal.patients.pictures import Pictures
from longitudinal.patients.shared_pixels import ReadPixels, SharedPixels
from longitudinal.patients.study_lookup import StudyLookup
from longitudinal.places.diameters import MeasuredPlaces
from longitudinal.points.point_map import PointMapper
from longitudinal.points.radiotherapy.at_point import RadiotherapyPoints
from longitudinal.points.radiotherapy.fiducials import FiducialLists
from longitudinal.points.radiotherapy.listing import StructureLists
from longitudinal.points.radiotherapy.outlines import OverlayLines
from longitudinal.points.resolver import Resolver
from longitudinal.points.series_stacks import StackReader
from longitudinal.registration_objects.given import GivenTransforms
from longitudinal.registration_objects.statements import Statements
from longitudinal.settings import Settings
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.writer import Writer


class Services(msgspec.Struct, frozen=True):
    """What the routes need of the rest of the plugin.

    Attributes
    ----------
    ohif_root
        Where OHIF is served; None where it is not.
    access
        Who may see what; None where nothing is restricted.
    search
        Asks the DICOMweb plugin; None where there is none.
    audit
        Who saw and did what; None where that is not recorded.
    """

    settings: Settings
    ohif_root: str | None
    readers: Readers
    writer: Writer
    catalogue: Catalogue
    queue: JobQueue
    completeness: Completeness
    inventory: Inventory
    statements: Statements
    resolver: Resolver
    stack_reader: StackReader
    point_mapper: PointMapper
    reslices: Reslices
    radiotherapy: RadiotherapyPoints
    structure_lists: StructureLists
    fiducial_lists: FiducialLists
    overlays: OverlayLines
    given: GivenTransforms
    places: MeasuredPlaces
    receiver: ArchiveReceiver
    admission: Admission
    versions: Callable[[], Versions]
    exams: Exams
    describe_exam: Describer
    measures: Measures
    version_of: Callable[[str], str]
    read_pixels: ReadPixels
    file_of: Callable[[str], bytes]
    access: Access | None = None
    search: Search | None = None
    audit: Audit | None = None


def build_router(of: Services) -> Router:
    """The router of all routes, and of those that document them."""
    settings, readers, catalogue, queue = of.settings, of.readers, of.catalogue, of.queue
    lookup, aligning = StudyLookup(readers, catalogue), AlignRequests(catalogue, queue)
    pictures = Pictures(readers, of.inventory.tags)
    shared = SharedPixels(of.file_of, of.inventory.tags, of.version_of, of.read_pixels)
    progress = IndexProgress(readers, catalogue, of.inventory, queue)
    routes = [
        *about_routes(
            settings.root, readers, of.writer, queue, of.completeness, of.statements, of.versions, of.audit
        ),
        *audit_routes(of.audit),
        *access_routes(of.access),
        *share_routes(settings.root, readers, None if of.access is None else of.access.links, shared),
        *dicom_web_routes(readers, lookup, of.search),
        *index_routes(lookup, queue, aligning, progress),
        *alignment_routes(lookup, aligning),
        *job_routes(queue),
        *exam_routes(readers, of.exams, of.describe_exam),
        *header_routes(readers, of.inventory.tags),
        *image_routes(settings.root, lookup, pictures, of.version_of),
        *patient_routes(readers, catalogue, queue, of.ohif_root),
        *place_routes(of.places),
        *diameter_routes(of.places),
        *point_routes(of.resolver, Refinements(of.resolver, queue, of.admission)),
        *place_value_routes(Measurements(of.resolver, queue, of.admission)),
        *point_map_routes(of.point_mapper),
        *rendered_routes(settings.root, readers, lookup, pictures),
        *reslice_routes(of.reslices),
        *radiotherapy_routes(
            of.radiotherapy, of.structure_lists, of.fiducial_lists, of.overlays, readers, catalogue
        ),
        *relation_routes(readers, catalogue, lookup),
        *series_routes(of.stack_reader),
        *study_routes(readers, lookup, queue, of.ohif_root),
        *transform_routes(of.given),
        *review_routes(of.given),
        *upload_routes(of.receiver, settings.max_upload, of.measures),
    ]
    described = with_documentation(settings.root, routes, settings.allowed_frame_ancestors)
    policy = None if of.access is None else of.access.policy
    unrecorded = _nothing if of.audit is None else of.audit.refusal
    masks = Masks(readers, shared.why_hidden)
    limits = Limits(settings.max_body, settings.max_upload)
    return Router(described, limits, policy, unrecorded=unrecorded, masks=masks.of)


def _nothing() -> None:
    """What keeps nobody from changing anything."""
