"""All routes over a real sidecar that follows an archive in memory: what the fast suite drives every route with."""

import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Any, get_args

import msgspec
import numpy as np
from pydicom.dataset import Dataset

from longitudinal.access import grants, shares
from longitudinal.access.audit.names import Names
from longitudinal.access.audit.recorder import Reading
from longitudinal.access.audit.service import Audit, AuditSettings
from longitudinal.access.audit.trail import Rotation
from longitudinal.access.grants import GrantBook
from longitudinal.access.identity import NOBODY, Actor, How
from longitudinal.access.keyring import Keyring
from longitudinal.access.policy import Policy, StudyFacts
from longitudinal.access.share_links import ShareLinks
from longitudinal.access.shares import ShareBook
from longitudinal.access.sharing import Sharing
from longitudinal.archive import Parents, Receipt
from longitudinal.dicom.reports.statement import PlaceStatement
from longitudinal.dicom.stored_values import STORED_VALUE_TAGS
from longitudinal.errors import (
    ArchiveFailed,
    FieldError,
    InstanceGone,
    NotFound,
    Unprocessable,
    WriterUnavailable,
)
from longitudinal.exams.description import Describer, Places
from longitudinal.exams.documents import ExamDocuments
from longitudinal.exams.exams import Exams
from longitudinal.http.admission import Admission
from longitudinal.http.exchange import JSON, Request, Response
from longitudinal.http.links import link_builder, place_links, stored_values_of
from longitudinal.http.measures import Measures
from longitudinal.http.openapi import errors_of
from longitudinal.http.problem import PROBLEM_JSON, Problem
from longitudinal.http.reslices import Reslices
from longitudinal.http.route_table import Services, build_router
from longitudinal.http.router import Route
from longitudinal.http.routes.about import Versions
from longitudinal.http.routes.access import Access
from longitudinal.ingest.annotations import Annotations
from longitudinal.ingest.changes import Changes
from longitudinal.ingest.completeness import Completeness
from longitudinal.ingest.on_stored import Ingest
from longitudinal.ingest.reconcile import Reconcile
from longitudinal.ingest.repair import Repair
from longitudinal.ingest.stored_objects import StoredDepths, StoredHeaders, StoredObjects
from longitudinal.jobs.draw_task import ObjectStore
from longitudinal.jobs.drawing import answer_to as draw_lines
from longitudinal.jobs.kept_cuts import KeptCuts
from longitudinal.jobs.messages import Drawn, Gone, ReportToWrite, WriteTask, Written
from longitudinal.jobs.pixels import ImageGone
from longitudinal.jobs.queue import JobQueue
from longitudinal.jobs.report_worker import answer_to
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
from longitudinal.points.radiotherapy.overlay_task import OverlayTask
from longitudinal.points.reslice import CutPlanner
from longitudinal.points.resolver import Resolver
from longitudinal.points.series_stacks import StackReader
from longitudinal.registration_objects.given import GivenTransforms
from longitudinal.registration_objects.statements import Memories, Statements
from longitudinal.registration_objects.written import RegistrationObjects
from longitudinal.settings import AccessRule, AccessSettings, BreakGlass, Settings, Shares
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.writer import Writer
from tests.builders import from_file
from tests.fake_archive import FakeArchive, orthanc_ids

Json = dict[str, Any]
HTTP_THREADS = 8
SETTINGS = Settings(max_upload=1, allowed_frame_ancestors=("https://app.example",))


ANN_ADMINISTERS = AccessSettings(
    rules=(AccessRule(roles=("admin",), users=("ann",)),),
    break_glass=BreakGlass(roles=("admin", "reviewer")),
    shares=Shares(roles=("admin",)),
)
# What Orthanc tells of an image beyond the tags that geometry reads.
_OF_PIXELS = (
    "BurnedInAnnotation",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "SamplesPerPixel",
)


class Archive(FakeArchive):
    """Tells of the pixels too, as Orthanc does, and keeps grants and shares."""

    def __init__(self) -> None:
        super().__init__()
        self.grants: dict[tuple[str, str], str] = {}
        self.shares: dict[tuple[str, str], str] = {}
        self.is_silent = False

    def facts(self, study: str) -> StudyFacts | None:
        """Institution, as the first image of the study has it."""
        for _, ds in self.datasets():
            if orthanc_ids(ds)[1] == study:
                return StudyFacts(str(ds.get("InstitutionName", "")))
        return None

    def search(self, path: str, arguments: Sequence[tuple[str, str]]) -> list[Json]:
        """A search of DICOMweb: everything of a level, below the study and series of the path, by one list of studies."""
        if self.is_silent:
            raise ArchiveFailed("the DICOMweb plugin does not answer")
        wanted = [set(value.split(",")) for name, value in arguments if name == "StudyInstanceUID"]
        names = path.strip("/").split("/")
        above = dict(zip(names[:-1:2], names[1::2], strict=False))
        found = {}
        for _, ds in self.datasets():
            uids = {
                "studies": ds.StudyInstanceUID,
                "series": ds.SeriesInstanceUID,
                "instances": ds.SOPInstanceUID,
            }
            if all(uids["studies"] in one for one in wanted) and all(
                uids[level] == uid for level, uid in above.items()
            ):
                found[uids[names[-1]]] = _as_json(ds)
        return list(found.values())

    def tags(self, orthanc_id: str) -> str:
        ds = from_file(self.stored[orthanc_id].file)
        pixels = {
            str(ds[name].tag)[1:-1].replace(" ", ""): str(ds[name].value) for name in _OF_PIXELS if name in ds
        }
        return json.dumps(json.loads(super().tags(orthanc_id)) | pixels | {"0028,0004": "MONOCHROME2"})


def _as_json(ds: Dataset) -> Json:
    """What DICOMweb says of a result, with the address that it thinks it has."""
    tags = {
        "0020000D": ds.StudyInstanceUID,
        "0020000E": ds.SeriesInstanceUID,
        "00100020": ds.get("PatientID", ""),
    }
    return {tag: {"Value": [str(value)] if value else []} for tag, value in tags.items()} | {
        "00081190": {"Value": ["http://localhost"]}, "00100010": {"Value": [{"Alphabetic": "A^B"}]},
    }  # fmt: skip


class FakeLoopback:
    """Implements ArchiveWriter and ArchiveReceiver on an archive in memory; `fails` makes it refuse everything."""

    def __init__(self, archive: FakeArchive) -> None:
        self.archive = archive
        self.fails = False

    def store(self, file: bytes) -> str:
        self._check()
        (orthanc_id,) = self.archive.store([from_file(file)])
        return orthanc_id

    def delete(self, orthanc_id: str) -> None:
        self._check()
        if self.archive.has_instance(orthanc_id):
            self.archive.delete(orthanc_id)

    def change_annotation(self, orthanc_id: str, change: Callable[[str | None], str]) -> None:
        self._check()
        if not self.archive.has_instance(orthanc_id):
            raise InstanceGone(f"instance {orthanc_id} is not stored any more")
        self.archive.annotations[orthanc_id] = change(self.archive.annotation(orthanc_id))

    def change_errors_at_place(self, orthanc_id: str, change: Callable[[str | None], str]) -> None:
        self._check()
        self.archive.errors[orthanc_id] = change(self.archive.errors_at_place(orthanc_id))

    def change_attempts(self, study: str, change: Callable[[str | None], str]) -> None:
        self._check()
        self.archive.failed[study] = change(self.archive.attempts(study))

    def change_grants(self, level: str, resource: str, change: Callable[[str | None], str]) -> None:
        self._check()
        self.archive.grants[level, resource] = change(self.archive.grants.get((level, resource)))

    def change_shares(self, level: str, resource: str, change: Callable[[str | None], str]) -> None:
        self._check()
        self.archive.shares[level, resource] = change(self.archive.shares.get((level, resource)))

    def pixels(self, orthanc_id: str, frame: int) -> bytes:
        """The stored values of an image of one frame, as NumPy's file format."""
        self._check()
        if frame:
            raise NotFound(f"there is no frame {frame} of this instance", [FieldError("frame", "unknown")])
        found, file = from_file(self.archive.stored[orthanc_id].file), io.BytesIO()
        np.save(file, np.frombuffer(found.PixelData, f"<u{found.BitsAllocated // 8}"))
        return file.getvalue()

    def change_exams(self, level: str, orthanc_id: str, change: Callable[[str | None], str]) -> None:
        self._check()
        if not self.archive.has(level, orthanc_id):
            raise ArchiveFailed(f"Orthanc did not take /{level}/{orthanc_id}: HTTP 404")
        self.archive.exam_documents[(level, orthanc_id)] = change(self.archive.exams(level, orthanc_id))

    def receive(self, file: bytes) -> Receipt:
        self._check()
        try:
            ds = from_file(file)
            patient, study, series, instance = orthanc_ids(ds)
        except Exception as error:
            return Receipt("notDicom", detail=str(error))
        if ds.get("PatientName") == "Refuse^Me":
            return Receipt("refused", detail="FilteredOut")
        outcome = "alreadyStored" if self.archive.has_instance(instance) else "stored"
        self.archive.store([ds])
        return Receipt(outcome, instance, Parents(patient, study, series))  # type: ignore[arg-type]

    def _check(self) -> None:
        if self.fails:
            raise ArchiveFailed("Orthanc did not answer over loopback: no room")


@dataclass(frozen=True)
class Answered:
    """One answer, checked against what its route declares."""

    route: Route
    response: Response

    @property
    def status(self) -> int:
        return self.response.status

    @property
    def json(self) -> Any:
        return json.loads(self.response.body)

    @property
    def code(self) -> str:
        """Of a problem."""
        return str(self.json["code"])

    def fields(self) -> list[str]:
        """The fields a problem names."""
        return [error["field"] for error in self.json.get("errors", [])]


class FakeReports:
    """Implements ReportWriter in this process; `fails` makes it unavailable."""

    def __init__(self) -> None:
        self.fails = False

    def write(self, reports: Sequence[tuple[PlaceStatement, bytes]]) -> list[bytes]:
        if self.fails:
            raise WriterUnavailable("no Python interpreter")
        task = WriteTask([ReportToWrite(statement, reference) for statement, reference in reports])
        answer = answer_to(msgspec.json.encode(task))
        assert isinstance(answer, Written), answer
        return answer.files


class FakeDrawer:
    """Implements Drawer in this process; `fails` makes it unable to draw. `drawn` counts."""

    def __init__(self, archive: FakeArchive) -> None:
        self.fails = False
        self.drawn = 0
        self._archive = archive
        self._store = ObjectStore(self._file, 1e8)

    def draw(self, task: OverlayTask) -> bytes:
        if self.fails:
            raise Unprocessable("the lines cannot be drawn")
        self.drawn += 1
        answer = draw_lines(msgspec.json.encode(task), self._store)
        if isinstance(answer, Gone):
            raise KeyError(answer.what)
        assert isinstance(answer, Drawn), answer
        return bytes(answer.overlays)

    def _file(self, orthanc_id: str) -> bytes:
        if not self._archive.has_instance(orthanc_id):
            raise ImageGone(orthanc_id)
        return self._archive.file(orthanc_id)


class Served:
    """The plugin without Orthanc: its archive, its sidecar, its routes."""

    def __init__(
        self, folder: Path, settings: Settings = SETTINGS, access: AccessSettings | None = ANN_ADMINISTERS
    ) -> None:
        self.archive = Archive()
        self.loopback = FakeLoopback(self.archive)
        self.reports = FakeReports()
        self.drawer = FakeDrawer(self.archive)
        self.readers = Readers(folder / "sidecar.sqlite")
        catalogue = Catalogue(self.readers)
        self.writer = Writer(self.readers, catalogue.invalidate, catalogue.forget)
        self.writer.start()
        memories = Memories(self.readers, lambda command: self.writer.submit(command, is_awaited=False))
        self.keyring = keyring = Keyring(folder / "keys.json")
        self.statements = Statements(self.archive, keyring, memories)
        documents = ExamDocuments(keyring, lambda: self.statements.problem)
        self.annotations = Annotations(self.writer, self.archive, documents)
        self.ingest = Ingest(self.writer, self.archive, StoredObjects(self.archive, self.archive))
        self.queue = JobQueue(self.readers, self.writer)
        links = link_builder(settings.root, settings.ohif_root)
        repair = Repair(self.readers, self.ingest, self.annotations)
        exams = Exams(
            self.readers, self.archive, self.loopback, documents, StudyLookup(self.readers, catalogue),
            self.annotations.refresh, self.writer.submit, settings.exam_id_pattern,
        )  # fmt: skip
        resolver = Resolver(
            self.readers, catalogue, self.archive, repair.answer, links, studies_of_exam=exams.studies_of
        )
        objects = RegistrationObjects(
            self.readers, self.archive, self.loopback, repair.registration, self.statements
        )
        given = GivenTransforms(
            self.readers, catalogue, self.archive, self.loopback,
            repair.gone, repair.registration, objects, self.statements,
        )  # fmt: skip
        places = MeasuredPlaces(
            self.readers, catalogue, self.archive, resolver,
            PlaceReports(self.archive, self.reports, self.loopback, repair.report, repair.gone),
            repair.answer, place_links(settings.root, settings.ohif_root),
        )  # fmt: skip
        self.admission = Admission(HTTP_THREADS)
        stack_reader = StackReader(
            self.readers, catalogue, StoredHeaders(self.archive, self.archive, STORED_VALUE_TAGS),
            StoredDepths(self.archive), self.archive.has_instance, repair.gone, stored_values_of,
        )  # fmt: skip
        planner = CutPlanner(resolver, self.archive, repair.answer, lambda instance: "")
        self.reslices = Reslices(planner, self.queue, KeptCuts(), self.admission)
        memory = ObjectMemory(self.archive, self.readers)
        self.access = self._access(access)
        self.audit = Audit(
            AuditSettings(folder / "audit", Rotation(1024 * 1024)), keyring, Names(self.readers, lambda named: []),
            lambda named: [], Reading(lambda headers: NOBODY),
        )  # fmt: skip
        self.router = build_router(
            Services(
                settings, settings.ohif_root, self.readers, self.writer, catalogue, self.queue, self._completeness(),
                self.archive, self.statements, resolver, stack_reader,
                PointMapper(self.readers, catalogue, self.archive, repair.answer), self.reslices,
                RadiotherapyPoints(resolver, self.archive, memory, repair.answer),
                StructureLists(self.archive, memory, repair.answer),
                FiducialLists(self.archive, self.readers, memory, repair.answer),
                OverlayLines(resolver, self.archive, memory, self.drawer, repair.answer),
                given, places, self.loopback, self.admission,
                lambda: Versions("1.12.7", "4.0", "3.11"),
                exams,
                Describer(
                    self.readers, self.archive, Places(settings.root, "/dicom-web", "/wado", settings.ohif_root)
                ),
                Measures(),
                self.archive.version,
                self.loopback.pixels,
                self.archive.file,
                access=self.access, search=self.archive.search, audit=self.audit,
            )
        )  # fmt: skip

    def _access(self, settings: AccessSettings | None) -> Access | None:
        if settings is None:
            return None
        book = GrantBook(
            lambda level, name: grants.RECORDS.read(
                self.archive.grants.get((level, name)), name, self.keyring.keys
            )
        )
        policy = Policy(settings, self.archive.facts, book)
        self.shares = ShareBook(
            lambda level, name: shares.RECORDS.read(
                self.archive.shares.get((level, name)), name, self.keyring.keys
            )
        )
        self.links = ShareLinks(policy, self.shares, self.keyring, self.loopback, self.readers, None)
        return Access(policy, Sharing(policy, book, self.keyring, self.loopback, self.readers), self.links)

    def close(self) -> None:
        self.audit.stop()
        self.readers.close()
        self.writer.stop()

    def store(self, *datasets: Dataset) -> list[str]:
        """Store images and index them; returns their Orthanc ids."""
        made = self.archive.store(datasets)
        for orthanc_id in made:
            self.ingest.index(orthanc_id)
        for study in {self.archive.parents(orthanc_id).study for orthanc_id in made}:
            self.ingest.announce(self.archive.study(study))
        self.ingest.settle()
        return made

    def ask(
        self,
        method: str,
        path: str,
        body: Json | bytes | None = None,
        *,
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        user: str = "ann",
    ) -> Answered:
        """Send one request through the router; the answer must be one that its route declares."""
        answered = self.send(method, path, body, query=query, headers=headers, user=user)
        check_declared(answered)
        return answered

    def send(
        self,
        method: str,
        path: str,
        body: Json | bytes | None = None,
        *,
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        user: str = "ann",
    ) -> Answered:
        """The same, whatever the answer is."""
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        texts = {name: str(value) for name, value in (query or {}).items()}
        request = Request(method, path, texts, headers or {}, raw, Actor(user, How.PASSWORD))
        route, values = self.router.find(method, path)
        return Answered(route, self.router.run(route, values, request))

    def _completeness(self) -> Completeness:
        self.changes = Changes(self.archive, self.readers, self.writer, self.ingest, self.annotations.refresh)
        reconcile = Reconcile(
            self.archive, self.readers, self.ingest, lambda _: None, self.annotations.refresh
        )
        return Completeness(self.changes, reconcile, 3600, lambda: self.writer.health.lost)


def check_declared(answered: Answered) -> None:
    """An answer has the declared status and decodes as the declared struct; a problem has a declared code."""
    route, response = answered.route, answered.response
    if response.content_type == PROBLEM_JSON:
        problem = msgspec.json.decode(response.body, type=Problem)
        assert (problem.status, problem.code) in declared_problems(route), (route.method, route.path, problem)
        return
    if isinstance(route.answer, str):
        assert response.status == route.status
        assert response.location is not None or response.content_type.startswith(route.answer)
        return
    assert response.status == route.status or (route.path, response.status) in (
        ("/health", 503),
        ("/health/ready", 503),
    )
    assert response.content_type == JSON
    members = get_args(route.answer) if isinstance(route.answer, UnionType) else (route.answer,)
    assert any(_is_a(response.body, member) for member in members), (route.path, response.body)


def declared_problems(route: Route) -> set[tuple[int, str]]:
    """Status and code of every problem a route declares."""
    found = {(error.status, error.code) for error in errors_of(route)}
    return found | {(422, refusal) for refusal in route.refusals}


def _is_a(body: bytes, kind: type[msgspec.Struct]) -> bool:
    """Whether a body has every field of a struct with values of its type, and no other."""
    try:
        found = msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError:
        return False
    return bool(json.loads(msgspec.json.encode(found)) == json.loads(body))
