"""Every route is driven through the router: once as it is meant, and once into each problem that it declares.

A route that is added must be added here: two tests compare the table of routes with what is driven.
"""

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from pydicom.dataset import Dataset

from longitudinal.access import shares
from longitudinal.access.audit.events import EventKind
from longitudinal.access.shares import Share, digest_of
from longitudinal.errors import (
    AuditUnavailable,
    Busy,
    Forbidden,
    InvalidRequest,
    LongitudinalError,
    RateLimited,
    Refused,
    SidecarUnavailable,
)
from longitudinal.http.openapi import errors_of
from longitudinal.http.router import Route
from longitudinal.http.routes import points
from longitudinal.jobs import queue as job_queue
from longitudinal.points.reslice import AskedCut
from longitudinal.sidecar.tables.jobs import JobRequest, JobState, Priority
from longitudinal.touched import Touched, noting
from tests.builders import as_file, classic, dose
from tests.fake_archive import orthanc_ids
from tests.unit.http.patients_served import (
    DOSE,
    FIRST,
    FRAMES,
    IMAGE,
    IMAGE_TWICE,
    PICTURE,
    REGISTRATION,
    REGISTRATION_TWICE,
    SECOND,
    THIRD,
    TWICE,
    admit,
    scan,
)
from tests.unit.http.served import Answered, Served

Json = dict[str, Any]
EYE = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
FLAT = [[0, 0, 0, 0]] * 3 + [[0, 0, 0, 1]]
CLICK = {"sopInstanceUid": IMAGE, "row": 2, "column": 3}
UNJOINED = {"sourceFrameOfReferenceUid": FRAMES[2], "targetFrameOfReferenceUid": FRAMES[0]}
JOINED = {"sourceFrameOfReferenceUid": FRAMES[1], "targetFrameOfReferenceUid": FRAMES[0]}
NOT_HERE = {**UNJOINED, "targetFrameOfReferenceUid": "1.2.99"}
MANY_NAMELESS = orthanc_ids(scan("1.2.5.1", 1, "")[0])[0]
"""The Orthanc id of the patient without a PatientID, who is a patient for each study here."""
VENDORS, TWO_VENDORS = f"{REGISTRATION}.2", f"{REGISTRATION_TWICE}.2"
FORM = {"content-type": 'multipart/form-data; boundary="b"'}
DICOM = {"content-type": "application/dicom"}
WEB = "/dicom-web/studies/{study}/series/{series}/instances/{instance}"
OF_IMAGE = f"/dicom-web/studies/{FIRST}/series/{FIRST}.1/instances/{IMAGE}"


def form(*files: bytes) -> bytes:
    parts = [
        b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n' + file for file in files
    ]
    return b"\r\n".join([*parts, b"--b--\r\n"])


def nothing(_: Served) -> None:
    """What is done before most requests."""


@dataclass(frozen=True)
class Drive:
    """One request of a route; `before` is done first, and may return more of the path."""

    method: str
    route: str
    path: str
    body: Json | bytes | None = None
    query: Json = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    before: Callable[[Served], str | None] = nothing
    code: str = ""

    def on(self, served: Served) -> Answered:
        return self.noted_on(served)[0]

    def noted_on(self, served: Served) -> tuple[Answered, Touched]:
        """The answer, and whom the look-ups found for it."""
        more = self.before(served) or ""
        with noting() as touched:
            answered = served.ask(
                self.method, self.path.format(more), self.body, query=self.query, headers=self.headers
            )
        assert (answered.route.method, answered.route.path) == (self.method, self.route)
        return answered, touched

    def __str__(self) -> str:
        return f"{self.method} {self.route or '/'} {self.code}".strip()


def follows(served: Served) -> None:
    """The change log was read once."""
    served.changes.begin()


def one_job(served: Served, state: JobState | None = None) -> str:
    """A job, in a state, and its id."""
    (job_id,) = served.queue.enqueue([JobRequest("index", "s", Priority.BACKFILL)])
    if state is not None:
        job = served.queue.start_next(frozenset({"index"}))
        assert job is not None
        served.queue.finish(job, state, error="as a test wants it")
    return job_id


def a_failed_job(served: Served) -> str:
    return one_job(served, JobState.FAILED)


def another_way_runs(served: Served) -> None:
    served.ask("POST", "/alignments", {"studyInstanceUids": [FIRST, THIRD], "method": "affine"})
    assert served.queue.start_next(frozenset({"align"})) is not None


def nothing_is_taken(served: Served) -> None:
    served.loopback.fails = True


def ours(served: Served) -> str:
    return str(served.ask("POST", "/transforms", {**UNJOINED, "matrix": EYE}).json["id"])


def ours_and_nothing_is_taken(served: Served) -> str:
    transform = ours(served)
    nothing_is_taken(served)
    return transform


def a_refused_one(served: Served) -> str:
    """Mirrored: nobody's transform."""
    (orthanc_id,) = [key for key, ds in served.archive.datasets() if ds.SOPInstanceUID == REGISTRATION]
    ds = dict(served.archive.datasets())[orthanc_id]
    matrix = ds.RegistrationSequence[1].MatrixRegistrationSequence[0].MatrixSequence[0]
    matrix.FrameOfReferenceTransformationMatrix = [-1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
    served.store(ds)
    return VENDORS


def a_nested_one(served: Served) -> None:
    """Orthanc gives more levels of sequences than any object of the standard has."""
    (orthanc_id,) = [key for key, ds in served.archive.datasets() if ds.SOPInstanceUID == IMAGE]
    served.archive.tags_given[orthanc_id] = '{"a":' * 300 + "1" + "}" * 300


KEEP = {"name": "seg VII", **CLICK}
AT_A_POINT = {"name": "seg VII", "patientId": "P", "x": 1, "y": 2, "z": 2}


def a_place(served: Served) -> str:
    """Kept in FIRST, and mapped into SECOND."""
    place = str(served.ask("POST", "/places", KEEP).json["id"])
    served.ask("POST", f"/places/{place}/studies", {"studyInstanceUids": [SECOND]})
    return place


DRAWN = {
    "sopInstanceUid": IMAGE, "name": "seg VII",
    "diameters": [{"axis": "long", "points": [[2, 1], [2, 4]]}, {"axis": "short", "points": [[1, 2], [3, 2]]}],
}  # fmt: skip


def a_diameter(served: Served) -> str:
    return str(served.ask("POST", "/diameters", DRAWN).json["id"])


def a_diameter_and_nothing_is_taken(served: Served) -> str:
    place = a_diameter(served)
    nothing_is_taken(served)
    return place


def a_place_and_nothing_is_taken(served: Served) -> str:
    place = a_place(served)
    nothing_is_taken(served)
    return place


def only_kept_and_nothing_is_taken(served: Served) -> str:
    place = str(served.ask("POST", "/places", KEEP).json["id"])
    nothing_is_taken(served)
    return place


def a_place_and_no_writer(served: Served) -> str:
    place = str(served.ask("POST", "/places", KEEP).json["id"])
    no_writer(served)
    return place


def records(served: Served) -> None:
    served.audit.start()


def no_audit(served: Served) -> None:
    served.audit.folder = None


def the_audit_is_gone(served: Served) -> None:
    assert served.audit.folder is not None
    served.audit.folder = served.audit.folder / "gone"


def no_writer(served: Served) -> None:
    served.reports.fails = True


def no_drawing(served: Served) -> None:
    served.drawer.fails = True


def anothers_place(served: Served) -> str:
    """The same report, by another software."""
    place = str(served.ask("POST", "/places", KEEP).json["id"])
    (report,) = [ds for _, ds in served.archive.datasets() if ds.Modality == "SR"]
    report.Manufacturer = "Other"
    served.store(report)
    return place


def an_untracked_place(served: Served) -> None:
    """Another software's report, without a tracking UID."""
    served.ask("POST", "/places", KEEP)
    (report,) = [ds for _, ds in served.archive.datasets() if ds.Modality == "SR"]
    report.Manufacturer, report.SOPInstanceUID = "Other", "1.2.3.4.5"
    report.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4.5"
    for container in report.ContentSequence[-1].ContentSequence:
        container.ContentSequence = [
            item
            for item in container.ContentSequence
            if item.ConceptNameCodeSequence[0].CodeValue not in ("112039", "112040")
        ]
    served.store(report)


def a_place_of_two(served: Served) -> str:
    """The same report under two patients."""
    place = str(served.ask("POST", "/places", KEEP).json["id"])
    (report,) = [ds for _, ds in served.archive.datasets() if ds.Modality == "SR"]
    report.PatientID, report.StudyInstanceUID = "Q", TWICE
    served.store(report)
    return place


def no_frame_uid(served: Served) -> None:
    served.store(*scan("1.2.8.1", 1, "N"))
    for slice_ in scan("1.2.8.1", 1, "N"):
        del slice_.FrameOfReferenceUID
        served.store(slice_)


CUT = {"sopInstanceUid": IMAGE, "seriesInstanceUid": f"{SECOND}.1"}


def a_cut(served: Served) -> None:
    """Made before, and kept."""
    served.reslices.kept.put(served.reslices.planner.plan(AskedCut(IMAGE, 1, f"{SECOND}.1", 0)).key, b"png")


UNTIL = "2999-01-01T00:00:00+00:00"
GRANT = {"patientId": "P", "user": "ben", "until": UNTIL, "reason": "a second opinion"}


def a_grant(served: Served) -> str:
    return str(served.ask("POST", "/grants", GRANT).json["id"])


def a_grant_and_nothing_is_taken(served: Served) -> str:
    grant = a_grant(served)
    nothing_is_taken(served)
    return grant


def no_key(served: Served) -> None:
    served.keyring.keys = ()


SECRET = "what is behind the hash of a link"
SHARE = {"patientId": "P", "until": (datetime.now(UTC) + timedelta(days=1)).isoformat()}
PIXELS = "/shared/instances/{instance}/frames/{frame}/numpy"
OPEN = {"secret": SECRET}


def link(**more: Any) -> Callable[[Served], str]:
    """A link of ann's to P with a secret that is known here; its id."""

    def make(served: Served) -> str:
        resource = orthanc_ids(scan(FIRST, 1)[0])[0]
        share = Share(
            id="5" * 16, resource=resource, level="patients", patient_id="P", studies=(), by="ann",
            at="2026-01-01T00:00:00+00:00", until=UNTIL, de_identified=False, hides=(), digest=digest_of(SECRET),
            salt="00" * 32,
        )  # fmt: skip
        share = msgspec.structs.replace(share, **more)
        served.loopback.change_shares(
            "patients", resource, lambda _: shares.RECORDS.written([share], served.keyring.keys[0])
        )
        served.shares.refresh("patients", resource)
        return share.id

    return make


def then(*steps: Callable[[Served], str | None]) -> Callable[[Served], str]:
    """One after the other; more of the path is what they return."""
    return lambda served: "".join(step(served) or "" for step in steps)


def no_links(served: Served) -> None:
    served.links.obstacle = "as a test wants it"


def a_deep_image(served: Served) -> str:
    """With sequences in sequences."""
    ds = scan("1.2.8.1", 1, "deep")[0]
    inner = Dataset()
    for _ in range(40):
        outer = Dataset()
        outer.ContentSequence = [inner]
        inner = outer
    ds.ContentSequence = [inner]
    return served.store(ds)[0]


def nothing_is_found(served: Served) -> None:
    served.archive.is_silent = True


def a_grant_and_no_key(served: Served) -> str:
    grant = a_grant(served)
    no_key(served)
    return grant


def an_exam(served: Served) -> str:
    """An exam with one image, and the id of the link."""
    return str(served.ask("POST", "/exams/E1/images", {"sopInstanceUid": IMAGE}).json["image"]["id"])


def an_exam_and_nothing_is_taken(served: Served) -> str:
    link = an_exam(served)
    nothing_is_taken(served)
    return link


def an_exam_and_nothing_is_signed(served: Served) -> str:
    link = an_exam(served)
    served.keyring.problem = "the key file is gone"
    return link


def a_dose_alone(served: Served) -> None:
    served.store(
        dose(
            PatientID="D",
            StudyInstanceUID="1.2.3.7",
            SOPInstanceUID="1.2.3.7.1.1",
            FrameOfReferenceUID="1.2.9",
        )
    )


def nothing_is_signed(served: Served) -> None:
    served.keyring.problem = "the key file is gone"


SUCCESSES = [
    Drive("GET", "/places", "/places", query={"patientId": "P"}),
    Drive("POST", "/places", "/places", KEEP),
    Drive("GET", "/places/{place}", "/places/{}", before=a_place),
    Drive("PUT", "/places/{place}", "/places/{}", {"name": "seg VIII"}, before=a_place),
    Drive("DELETE", "/places/{place}", "/places/{}", before=a_place),
    Drive("POST", "/places/{place}/studies", "/places/{}/studies", {}, before=a_place),
    Drive("POST", "/diameters", "/diameters", DRAWN),
    Drive("DELETE", "/places/{place}/diameters/{study}", f"/places/{{}}/diameters/{FIRST}", before=a_diameter),
    Drive("DELETE", "/places/{place}/studies/{study}", f"/places/{{}}/studies/{SECOND}", before=a_place),
    Drive("GET", "/me", "/me"),
    Drive("GET", "/audit", "/audit", before=records),
    *(Drive("GET", f"/dicom-web/{level}", f"/dicom-web/{level}") for level in ("studies", "series", "instances")),
    Drive("GET", "/dicom-web/studies/{study}/series", f"/dicom-web/studies/{FIRST}/series"),
    Drive("GET", "/dicom-web/studies/{study}/instances", f"/dicom-web/studies/{FIRST}/instances"),
    Drive(
        "GET", "/dicom-web/studies/{study}/series/{series}/instances",
        f"/dicom-web/studies/{FIRST}/series/{FIRST}.1/instances",
    ),
    Drive("GET", "/grants", "/grants"),
    Drive("POST", "/grants", "/grants", GRANT),
    Drive("DELETE", "/grants/{grant}", "/grants/{}", before=a_grant),
    Drive("POST", "/shares", "/shares", SHARE),
    Drive("GET", "/shares", "/shares", query={"patientId": "P"}, before=link()),
    Drive("DELETE", "/shares/{share}", "/shares/{}", before=link()),
    Drive("POST", "/share-session", "/share-session", OPEN, before=link()),
    Drive("GET", PIXELS, f"/shared/instances/{IMAGE}/frames/0/numpy"),
    Drive("GET", "", ""),
    Drive("GET", "/health", "/health"),
    Drive("GET", "/health/live", "/health/live"),
    Drive("GET", "/health/ready", "/health/ready", before=follows),
    Drive("GET", "/openapi.json", "/openapi.json"),
    Drive("GET", "/docs", "/docs"),
    Drive("GET", "/docs/redoc.standalone.js", "/docs/redoc.standalone.js"),
    Drive("POST", "/index", "/index", {"patientId": "P", "align": "rigid"}),
    Drive("POST", "/index/pause", "/index/pause"),
    Drive("POST", "/index/resume", "/index/resume"),
    Drive("POST", "/studies/{study}/index", f"/studies/{FIRST}/index"),
    Drive("GET", "/studies/{study}/index-status", f"/studies/{FIRST}/index-status"),
    Drive("POST", "/alignments", "/alignments", {"studyInstanceUids": [FIRST, THIRD]}),
    Drive("GET", "/exams", "/exams", query={"patientId": "P"}, before=an_exam),
    Drive("GET", "/exams/{exam}", "/exams/E1", before=an_exam),
    Drive("PUT", "/exams/{exam}", "/exams/E2", {"patientId": "P", "description": "Follow-up"}),
    Drive("DELETE", "/exams/{exam}", "/exams/E1", before=an_exam),
    Drive("GET", "/exams/{exam}/images", "/exams/E1/images", before=an_exam),
    Drive("POST", "/exams/{exam}/images", "/exams/E3/images", {"seriesInstanceUid": f"{FIRST}.1", "modality": "CT"}),
    Drive("GET", "/exams/{exam}/images/{image}", "/exams/E1/images/{}", before=an_exam),
    Drive("PUT", "/exams/{exam}/images/{image}", "/exams/E1/images/{}", {"url": "https://ris.example/7"}, before=an_exam),
    Drive("DELETE", "/exams/{exam}/images/{image}", "/exams/E1/images/{}", before=an_exam),
    Drive("GET", "/jobs", "/jobs", before=one_job),
    Drive("GET", "/jobs/{job}", "/jobs/{}", before=one_job),
    Drive("DELETE", "/jobs/{job}", "/jobs/{}", before=one_job),
    Drive("POST", "/jobs/{job}/retry", "/jobs/{}/retry", before=a_failed_job),
    Drive("GET", "/studies/{study}/frames/{index}", f"/studies/{FIRST}/frames/3"),
    Drive("GET", "/instances/{instance}/preview", f"/instances/{IMAGE}/preview"),
    Drive("GET", "/instances/{instance}/version", f"/instances/{IMAGE}/version"),
    Drive("GET", f"{WEB}/rendered", f"{OF_IMAGE}/rendered", query={"viewport": "64,64", "window": "40,400,linear"}),
    Drive("GET", f"{WEB}/frames/{{frame}}/rendered", f"{OF_IMAGE}/frames/1/rendered"),
    Drive("GET", f"{WEB}/thumbnail", f"{OF_IMAGE}/thumbnail"),
    Drive("GET", "/dicom-web/studies/{study}/thumbnail", f"/dicom-web/studies/{FIRST}/thumbnail"),
    Drive("GET", "/imaging/app", "/imaging/app"),
    Drive("GET", "/instances/{instance}/header", f"/instances/{IMAGE}/header"),
    Drive("GET", "/patients", "/patients", query={"query": "P", "from": "2021-01-01"}),
    Drive("GET", "/patients/{patient}", "/patients/P"),
    Drive("GET", "/studies", "/studies", query={"patientId": "P", "from": "2021-01-01", "modality": "CT"}),
    Drive("GET", "/studies/{study}", f"/studies/{THIRD}"),
    Drive("POST", "/points/radiotherapy", "/points/radiotherapy", CLICK),
    Drive("POST", "/overlays", "/overlays", {"sopInstanceUid": IMAGE, "levelsGy": [1, 2]}),
    Drive("GET", "/patients/{patient}/structures", "/patients/P/structures", query={"volumes": "true"}),
    Drive("GET", "/patients/{patient}/fiducials", "/patients/P/fiducials"),
    Drive("GET", "/studies/{study}/relations", f"/studies/{SECOND}/relations"),
    Drive("GET", "/patients/{patient}/relations", "/patients/P/relations"),
    Drive("GET", "/series/{series}/stacks", f"/series/{FIRST}.1/stacks"),
    Drive("POST", "/points/resolve", "/points/resolve", CLICK),
    Drive("POST", "/points/timeline", "/points/timeline", {**CLICK, "modalities": ["US"]}),
    Drive("POST", "/points/map", "/points/map", {**JOINED, "points": [[1, 2, 3]]}),
    Drive("GET", "/points/reslice", "/points/reslice", query=CUT, before=a_cut),
    Drive("GET", "/transforms", "/transforms", query={"patientId": "P"}),
    Drive("POST", "/transforms", "/transforms", {**UNJOINED, "matrix": EYE, "expectedErrorMm": 2}),
    Drive("POST", "/transforms/fit", "/transforms/fit", {**UNJOINED, "matrix": EYE, "points": [[1, 2, 3]]}),
    Drive("GET", "/reviews", "/reviews"),
    Drive("GET", "/transforms/{transform}/least-sure", f"/transforms/{VENDORS}/least-sure"),
    Drive("GET", "/transforms/{transform}", f"/transforms/{VENDORS}"),
    Drive("DELETE", "/transforms/{transform}", "/transforms/{}", before=ours),
    Drive("POST", "/transforms/{transform}/review", f"/transforms/{VENDORS}/review", {"decision": "accepted"}),
    Drive("PUT", "/uploads", "/uploads", form(as_file(classic()), b"no image"), headers=FORM),
    Drive("POST", "/uploads", "/uploads", as_file(classic()), headers=DICOM),
]  # fmt: skip

TWO = {"studyInstanceUids": [FIRST, THIRD]}
UNKNOWN, AMBIGUOUS, TWO_PATIENTS = (
    {"studyInstanceUids": uids} for uids in (["1.9"], [TWICE], [FIRST, "1.2.7.1"])
)
OF_BOTH = {"sourceFrameOfReferenceUid": f"{TWICE}.9", "targetFrameOfReferenceUid": f"{TWICE}.9"}
START = {"patientId": "P", "initial": {**UNJOINED, "matrix": EYE}}
PROBLEMS = [
    *(
        Drive("POST", "/diameters", "/diameters", {**DRAWN, **body}, before=before, code=code)
        for body, before, code in (
            ({"sopInstanceUid": "1.9"}, nothing, "notFound"), ({"sopInstanceUid": IMAGE_TWICE}, nothing, "ambiguous"),
            ({"sopInstanceUid": PICTURE}, nothing, "notIndexable"), ({}, nothing_is_taken, "archiveFailed"),
            ({"diameters": [{"axis": "long", "points": [[2, 1], [2, 4_000]]}]}, nothing, "outsideImage"),
            ({}, no_writer, "writerUnavailable"),
        )
    ),
    Drive("POST", "/diameters", "/diameters", {**DRAWN, "name": None, "place": VENDORS}, before=nothing, code="notFound"),
    Drive("POST", "/diameters", "/diameters", {**DRAWN, "name": None, "place": "1.2.3.4.5.1"}, before=an_untracked_place,
          code="conflict"),
    *(
        Drive("DELETE", "/places/{place}/diameters/{study}", f"/places/{path}/diameters/{FIRST}", before=before, code=code)
        for path, before, code in (
            ("1.2.99", nothing, "notFound"), ("{}", a_place_of_two, "ambiguous"), ("{}", a_place, "conflict"),
            ("{}", a_diameter_and_nothing_is_taken, "archiveFailed"),
        )
    ),
    Drive("GET", "/places", "/places", query={"patientId": "nobody"}, code="notFound"),
    Drive("GET", "/places", "/places", query={"patientId": MANY_NAMELESS}, code="ambiguous"),
    Drive("POST", "/places", "/places", {**KEEP, "sopInstanceUid": "1.9"}, code="notFound"),
    Drive("POST", "/places", "/places", {**KEEP, "sopInstanceUid": IMAGE_TWICE}, code="ambiguous"),
    Drive("POST", "/places", "/places", {**KEEP, "row": 2_000}, code="outsideImage"),
    Drive("POST", "/places", "/places", {**KEEP, "sopInstanceUid": PICTURE}, code="notIndexable"),
    Drive("POST", "/places", "/places", {**AT_A_POINT, "frameOfReferenceUid": FRAMES[0], "z": 900}, code="notInAStudy"),
    Drive("POST", "/places", "/places", {**AT_A_POINT, "patientId": "N", "frameOfReferenceUid": "series:1.2.8.1.1",
          "z": 2.5}, before=no_frame_uid, code="noFrameUid"),
    Drive("POST", "/places", "/places", KEEP, before=nothing_is_taken, code="archiveFailed"),
    Drive("POST", "/places", "/places", KEEP, before=no_writer, code="writerUnavailable"),
    *(
        Drive(method, route, path, body, before=before, code=code)
        for method, route, end, body in (
            ("GET", "/places/{place}", "", None), ("PUT", "/places/{place}", "", {"name": "seg VIII"}),
            ("DELETE", "/places/{place}", "", None), ("POST", "/places/{place}/studies", "/studies", {}),
            ("DELETE", "/places/{place}/studies/{study}", f"/studies/{SECOND}", None),
        )
        for path, before, code in (
            (f"/places/1.2.99{end}", nothing, "notFound"), (f"/places/{{}}{end}", a_place_of_two, "ambiguous"),
        )
    ),
    Drive("PUT", "/places/{place}", "/places/{}", {"name": "seg VIII"}, before=anothers_place, code="conflict"),
    Drive("DELETE", "/places/{place}", "/places/{}", before=anothers_place, code="conflict"),
    Drive("POST", "/places/{place}/studies", "/places/{}/studies", {}, before=anothers_place, code="conflict"),
    Drive("DELETE", "/places/{place}/studies/{study}", f"/places/{{}}/studies/{FIRST}", before=a_place, code="conflict"),
    Drive("PUT", "/places/{place}", "/places/{}", {"name": "seg VIII"}, before=a_place_and_nothing_is_taken,
          code="archiveFailed"),
    Drive("DELETE", "/places/{place}", "/places/{}", before=a_place_and_nothing_is_taken, code="archiveFailed"),
    Drive("POST", "/places/{place}/studies", "/places/{}/studies", {}, before=only_kept_and_nothing_is_taken,
          code="archiveFailed"),
    Drive("DELETE", "/places/{place}/studies/{study}", f"/places/{{}}/studies/{SECOND}",
          before=a_place_and_nothing_is_taken, code="archiveFailed"),
    Drive("PUT", "/places/{place}", "/places/{}", {"name": "seg VIII"}, before=a_place_and_no_writer,
          code="writerUnavailable"),
    Drive("POST", "/places/{place}/studies", "/places/{}/studies", {}, before=a_place_and_no_writer,
          code="writerUnavailable"),
    Drive("GET", "/audit", "/audit", before=no_audit, code="notFound"),
    Drive("GET", "/audit", "/audit", before=the_audit_is_gone, code="auditUnavailable"),
    Drive("POST", "/grants", "/grants", {**GRANT, "patientId": "nobody"}, code="notFound"),
    Drive("POST", "/grants", "/grants", {**GRANT, "patientId": MANY_NAMELESS}, code="ambiguous"),
    Drive("POST", "/grants", "/grants", GRANT, before=no_key, code="conflict"),
    Drive("POST", "/grants", "/grants", GRANT, before=nothing_is_taken, code="archiveFailed"),
    Drive("DELETE", "/grants/{grant}", "/grants/none", code="notFound"),
    Drive("POST", "/shares", "/shares", {**SHARE, "patientId": "nobody"}, code="notFound"),
    Drive("POST", "/shares", "/shares", {**SHARE, "patientId": MANY_NAMELESS}, code="ambiguous"),
    Drive("POST", "/shares", "/shares", SHARE, before=no_key, code="conflict"),
    Drive("POST", "/shares", "/shares", SHARE, before=no_links, code="shareImpossible"),
    Drive("POST", "/shares", "/shares", SHARE, before=nothing_is_taken, code="archiveFailed"),
    Drive("GET", "/shares", "/shares", query={"patientId": "nobody"}, code="notFound"),
    Drive("GET", "/shares", "/shares", query={"patientId": MANY_NAMELESS}, code="ambiguous"),
    Drive("DELETE", "/shares/{share}", "/shares/none", code="notFound"),
    Drive("DELETE", "/shares/{share}", "/shares/{}", before=then(link(), no_key), code="conflict"),
    Drive("DELETE", "/shares/{share}", "/shares/{}", before=then(link(), nothing_is_taken), code="archiveFailed"),
    Drive("POST", "/share-session", "/share-session", OPEN, code="notFound"),
    Drive("POST", "/share-session", "/share-session", OPEN, before=then(link(), no_key), code="conflict"),
    Drive("POST", "/share-session", "/share-session", OPEN, before=no_links, code="shareImpossible"),
    Drive("POST", "/share-session", "/share-session", OPEN, before=link(until="2026-01-02T00:00:00+00:00"),
          code="shareExpired"),
    Drive("POST", "/share-session", "/share-session", OPEN, before=link(revoked="2026-11-02T00:00:00+00:00"),
          code="shareRevoked"),
    Drive("POST", "/share-session", "/share-session", OPEN, before=link(opened="2026-11-02T00:00:00+00:00"),
          code="shareUsed"),
    Drive("POST", "/share-session", "/share-session", OPEN, before=then(link(), nothing_is_taken), code="archiveFailed"),
    Drive("GET", PIXELS, "/shared/instances/1.2.99/frames/0/numpy", code="notFound"),
    Drive("GET", PIXELS, f"/shared/instances/{IMAGE_TWICE}/frames/0/numpy", code="ambiguous"),
    Drive("GET", PIXELS, "/shared/instances/{}/frames/0/numpy", before=a_deep_image, code="noPicture"),
    Drive("GET", PIXELS, f"/shared/instances/{IMAGE}/frames/0/numpy", before=nothing_is_taken, code="archiveFailed"),
    *(
        Drive("GET", f"/dicom-web/{level}", f"/dicom-web/{level}", query={"limit": "many"}, code="invalidRequest")
        for level in ("studies", "series", "instances")
    ),
    *(
        Drive("GET", route, path, before=nothing_is_found, code="archiveFailed")
        for route, path in (
            *((f"/dicom-web/{level}", f"/dicom-web/{level}") for level in ("studies", "series", "instances")),
            *(
                (f"/dicom-web/studies/{{study}}/{below}", f"/dicom-web/studies/{FIRST}/{below.format(series='1.2')}")
                for below in ("series", "instances", "series/{series}/instances")
            ),
        )
    ),
    *(
        Drive("GET", f"/dicom-web/studies/{{study}}/{path}", f"/dicom-web/studies/{study}/{path.format(series='1.2')}",
              query=query, code=code)
        for path in ("series", "instances", "series/{series}/instances")
        for study, query, code in (
            ("9.9", {}, "notFound"), (TWICE, {}, "ambiguous"), (FIRST, {"offset": "-1"}, "invalidRequest"),
        )
    ),
    Drive("DELETE", "/grants/{grant}", "/grants/{}", before=a_grant_and_no_key, code="conflict"),
    Drive("DELETE", "/grants/{grant}", "/grants/{}", before=a_grant_and_nothing_is_taken, code="archiveFailed"),
    Drive("POST", "/index", "/index", UNKNOWN, code="notFound"),
    Drive("POST", "/index", "/index", AMBIGUOUS, code="ambiguous"),
    Drive("POST", "/index", "/index", {"studyInstanceUids": [FIRST, THIRD], "align": "rigid"}, before=another_way_runs,
          code="conflict"),
    Drive("POST", "/index", "/index", {"patientId": "X", "align": "rigid"}, code="unprocessable"),
    Drive("POST", "/index", "/index", TWO, code="tooManyJobs"),
    Drive("POST", "/studies/{study}/index", "/studies/1.9/index", code="notFound"),
    Drive("POST", "/studies/{study}/index", f"/studies/{TWICE}/index", code="ambiguous"),
    Drive("POST", "/studies/{study}/index", f"/studies/{FIRST}/index", code="tooManyJobs"),
    Drive("GET", "/studies/{study}/index-status", "/studies/1.9/index-status", code="notFound"),
    Drive("GET", "/studies/{study}/index-status", f"/studies/{TWICE}/index-status", code="ambiguous"),
    Drive("POST", "/alignments", "/alignments", UNKNOWN, code="notFound"),
    Drive("POST", "/alignments", "/alignments", AMBIGUOUS, code="ambiguous"),
    Drive("POST", "/alignments", "/alignments", TWO, before=another_way_runs, code="conflict"),
    Drive("POST", "/alignments", "/alignments", TWO_PATIENTS, code="unprocessable"),
    Drive("POST", "/alignments", "/alignments", {**START, "initial": {**NOT_HERE, "matrix": EYE}}, code="unknownFrame"),
    Drive("POST", "/alignments", "/alignments", {**START, "initial": {**UNJOINED, "matrix": FLAT}}, code="singular"),
    Drive("POST", "/alignments", "/alignments", TWO, code="tooManyJobs"),
    Drive("GET", "/exams", "/exams", query={"patientId": "nobody"}, code="notFound"),
    Drive("GET", "/exams", "/exams", query={"patientId": MANY_NAMELESS}, code="ambiguous"),
    *(
        Drive("GET", f"/exams/{{exam}}{more}", f"/exams/{name}{more}".replace("{image}", "1"), code=code)
        for more in ("", "/images", "/images/{image}")
        for name, code in (("none", "notFound"), ("no name", "invalidRequest"))
    ),
    Drive("PUT", "/exams/{exam}", "/exams/E1", {"patientId": "Q"}, before=an_exam, code="conflict"),
    Drive("PUT", "/exams/{exam}", "/exams/E1", {"patientId": "P"}, before=nothing_is_taken, code="archiveFailed"),
    *(
        Drive("DELETE", "/exams/{exam}", f"/exams/{name}", before=before, code=code)
        for name, before, code in (
            ("none", an_exam, "notFound"), ("no name", nothing, "invalidRequest"),
            ("E1", an_exam_and_nothing_is_signed, "conflict"), ("E1", an_exam_and_nothing_is_taken, "archiveFailed"),
        )
    ),
    *(
        Drive("POST", "/exams/{exam}/images", "/exams/E1/images", {"sopInstanceUid": uid}, before=before, code=code)
        for uid, before, code in (
            ("1.9", nothing, "imageNotStored"), (IMAGE_TWICE, nothing, "ambiguous"),
            ("1.2.7.1.1.1", an_exam, "otherPatient"),
            (IMAGE, nothing_is_signed, "conflict"), (IMAGE, nothing_is_taken, "archiveFailed"),
        )
    ),
    *(
        Drive(method, "/exams/{exam}/images/{image}", f"/exams/{path}", body, before=before, code=code)
        for method, body in (("PUT", {"description": "other"}), ("DELETE", None))
        for path, before, code in (
            ("E1/images/1", an_exam, "notFound"), ("no name/images/1", nothing, "invalidRequest"),
            ("E1/images/{}", an_exam_and_nothing_is_signed, "conflict"),
            ("E1/images/{}", an_exam_and_nothing_is_taken, "archiveFailed"),
        )
    ),
    Drive("GET", "/jobs/{job}", "/jobs/none", code="notFound"),
    Drive("DELETE", "/jobs/{job}", "/jobs/none", code="notFound"),
    Drive("DELETE", "/jobs/{job}", "/jobs/{}", before=a_failed_job, code="conflict"),
    Drive("POST", "/jobs/{job}/retry", "/jobs/none/retry", code="notFound"),
    Drive("POST", "/jobs/{job}/retry", "/jobs/{}/retry", before=one_job, code="conflict"),
    Drive("POST", "/jobs/{job}/retry", "/jobs/{}/retry", before=a_failed_job, code="tooManyJobs"),
    Drive("GET", "/studies/{study}/frames/{index}", "/studies/1.9/frames/0", code="notFound"),
    Drive("GET", "/studies/{study}/frames/{index}", f"/studies/{TWICE}/frames/0", code="ambiguous"),
    Drive("GET", "/studies/{study}/frames/{index}", f"/studies/{FIRST}/frames/first", code="invalidRequest"),
    Drive("GET", "/studies/{study}/frames/{index}", f"/studies/{THIRD}/frames/4", code="noPicture"),
    Drive("GET", "/instances/{instance}/version", "/instances/1.9/version", code="notFound"),
    Drive("GET", "/instances/{instance}/version", f"/instances/{IMAGE_TWICE}/version", code="ambiguous"),
    Drive("GET", "/instances/{instance}/preview", "/instances/1.9/preview", code="notFound"),
    Drive("GET", "/instances/{instance}/preview", f"/instances/{IMAGE_TWICE}/preview", code="ambiguous"),
    Drive("GET", "/instances/{instance}/preview", f"/instances/{DOSE}/preview", code="noPicture"),
    *(
        Drive("GET", f"{WEB}{more}", f"/dicom-web/studies/{path}{more}".replace("{frame}", "1"), code=code)
        for more in ("/rendered", "/frames/{frame}/rendered", "/thumbnail")
        for path, code in (
            (f"{FIRST}/series/{FIRST}.1/instances/1.9", "notFound"), (f"{TWICE}/series/1/instances/1", "ambiguous"),
            (f"{THIRD}/series/{THIRD}.7/instances/{DOSE}", "noPicture"),
        )
    ),
    *(
        Drive("GET", "/dicom-web/studies/{study}/thumbnail", f"/dicom-web/studies/{study}/thumbnail", before=before,
              code=code)
        for study, before, code in (
            ("1.9", nothing, "notFound"), (TWICE, nothing, "ambiguous"), ("1.2.3.7", a_dose_alone, "noPicture"),
        )
    ),
    Drive("GET", "/instances/{instance}/header", "/instances/1.9/header", code="notFound"),
    Drive("GET", "/instances/{instance}/header", f"/instances/{IMAGE_TWICE}/header", code="ambiguous"),
    Drive("GET", "/instances/{instance}/header", f"/instances/{IMAGE}/header", before=a_nested_one, code="unprocessable"),
    Drive("GET", "/patients/{patient}", "/patients/nobody", code="notFound"),
    Drive("GET", "/patients/{patient}", "/patients/dot", code="ambiguous"),
    Drive("GET", "/studies", "/studies", query={"patientId": "nobody"}, code="notFound"),
    Drive("GET", "/studies", "/studies", query={"patientId": MANY_NAMELESS}, code="ambiguous"),
    Drive("GET", "/studies/{study}", "/studies/1.9", code="notFound"),
    Drive("GET", "/studies/{study}", f"/studies/{TWICE}", code="ambiguous"),
    Drive("POST", "/points/resolve", "/points/resolve", {**CLICK, "sopInstanceUid": "1.9"}, code="notFound"),
    Drive("POST", "/points/resolve", "/points/resolve", {**CLICK, "sopInstanceUid": IMAGE_TWICE}, code="ambiguous"),
    Drive("POST", "/points/resolve", "/points/resolve", {**CLICK, "row": 2_000}, code="outsideImage"),
    Drive("POST", "/points/resolve", "/points/resolve", {**CLICK, "sopInstanceUid": PICTURE}, code="notIndexable"),
    *(
        Drive("POST", "/points/radiotherapy", "/points/radiotherapy", {**CLICK, **more}, code=code)
        for more, code in (
            ({"sopInstanceUid": "1.9"}, "notFound"), ({"sopInstanceUid": IMAGE_TWICE}, "ambiguous"),
            ({"row": 2_000}, "outsideImage"), ({"sopInstanceUid": PICTURE}, "notIndexable"),
        )
    ),
    Drive("POST", "/points/resolve", "/points/resolve", {"points": [CLICK, CLICK]}, code="answerTooLarge"),
    Drive("POST", "/points/resolve", "/points/resolve", {**CLICK, "refine": True}, code="tooManyJobs"),
    *(
        Drive("POST", "/points/timeline", "/points/timeline", {**CLICK, **body}, code=code)
        for body, code in (
            ({"sopInstanceUid": "1.9"}, "notFound"), ({"sopInstanceUid": IMAGE_TWICE}, "ambiguous"),
            ({"row": 2_000}, "outsideImage"), ({"sopInstanceUid": PICTURE}, "notIndexable"), ({}, "tooManyJobs"),
        )
    ),
    Drive("GET", "/studies/{study}/relations", "/studies/1.9/relations", code="notFound"),
    Drive("GET", "/studies/{study}/relations", f"/studies/{TWICE}/relations", code="ambiguous"),
    Drive("POST", "/overlays", "/overlays", {"sopInstanceUid": IMAGE}, before=no_drawing, code="unprocessable"),
    *(
        Drive("POST", "/overlays", "/overlays", {"sopInstanceUid": uid}, code=code)
        for uid, code in (("1.9", "notFound"), (IMAGE_TWICE, "ambiguous"), (PICTURE, "notIndexable"))
    ),
    Drive("GET", "/patients/{patient}/fiducials", "/patients/nobody/fiducials", code="notFound"),
    Drive("GET", "/patients/{patient}/fiducials", "/patients/dot/fiducials", code="ambiguous"),
    Drive("GET", "/patients/{patient}/structures", "/patients/nobody/structures", code="notFound"),
    Drive("GET", "/patients/{patient}/structures", "/patients/dot/structures", code="ambiguous"),
    Drive("GET", "/patients/{patient}/relations", "/patients/nobody/relations", code="notFound"),
    Drive("GET", "/patients/{patient}/relations", "/patients/dot/relations", code="ambiguous"),
    Drive("GET", "/series/{series}/stacks", "/series/1.9/stacks", code="notFound"),
    Drive("GET", "/series/{series}/stacks", f"/series/{TWICE}.1/stacks", code="ambiguous"),
    *(
        Drive("POST", "/points/map", "/points/map", {**body, "points": [[1, 2, 3]]}, code=code)
        for body, code in (
            ({**UNJOINED, "patientId": "nobody"}, "notFound"), (OF_BOTH, "ambiguous"),
            ({**UNJOINED, "targetFrameOfReferenceUid": "1.2.7.1.9"}, "otherPatient"), (NOT_HERE, "unknownFrame"),
        )
    ),
    *(
        Drive("GET", "/points/reslice", "/points/reslice", query={**CUT, **changed}, code=code)
        for changed, code in (
            ({"sopInstanceUid": "1.9"}, "notFound"), ({"seriesInstanceUid": "1.9"}, "notFound"),
            ({"stack": "1"}, "notFound"),
            ({"sopInstanceUid": IMAGE_TWICE}, "ambiguous"), ({"sopInstanceUid": PICTURE}, "notIndexable"),
            ({"sopInstanceUid": "1.2.6.1.1.1", "seriesInstanceUid": "1.2.6.2.1"}, "unprocessable"), ({}, "tooManyJobs"),
        )
    ),
    Drive("GET", "/transforms", "/transforms", query={"patientId": "nobody"}, code="notFound"),
    Drive("GET", "/transforms", "/transforms", query={"patientId": MANY_NAMELESS}, code="ambiguous"),
    Drive("GET", "/reviews", "/reviews", query={"patientId": "nobody"}, code="notFound"),
    Drive("GET", "/transforms/{transform}/least-sure", "/transforms/1.9/least-sure", code="notFound"),
    Drive("GET", "/transforms/{transform}/least-sure", f"/transforms/{TWO_VENDORS}/least-sure", code="ambiguous"),
    Drive("GET", "/transforms/{transform}", "/transforms/1.9", code="notFound"),
    Drive("GET", "/transforms/{transform}", f"/transforms/{TWO_VENDORS}", code="ambiguous"),
    Drive("DELETE", "/transforms/{transform}", "/transforms/1.9", code="notFound"),
    Drive("DELETE", "/transforms/{transform}", f"/transforms/{TWO_VENDORS}", code="ambiguous"),
    Drive("DELETE", "/transforms/{transform}", "/transforms/{}", before=ours_and_nothing_is_taken, code="archiveFailed"),
    *(
        Drive("POST", "/transforms/{transform}/review", f"/transforms/{path}/review", {"decision": "rejected"},
              before=before, code=code)
        for path, before, code in (
            ("1.9", nothing, "notFound"), (TWO_VENDORS, nothing, "ambiguous"), ("{}", a_refused_one, "conflict"),
            (VENDORS, nothing_is_taken, "archiveFailed"),
        )
    ),
    Drive("POST", "/transforms", "/transforms", {**UNJOINED, "matrix": EYE}, before=nothing_is_taken, code="archiveFailed"),
    *(
        Drive("POST", path, path, body, code=code)
        for path in ("/transforms", "/transforms/fit")
        for body, code in (
            ({**UNJOINED, "patientId": "nobody", "matrix": EYE}, "notFound"),
            ({**OF_BOTH, "matrix": EYE}, "ambiguous"),
            ({**UNJOINED, "targetFrameOfReferenceUid": FRAMES[2], "matrix": EYE}, "sameFrame"),
            ({**UNJOINED, "targetFrameOfReferenceUid": "1.2.7.1.9", "matrix": EYE}, "otherPatient"),
            ({**NOT_HERE, "matrix": EYE}, "unknownFrame"),
            ({**UNJOINED, "matrix": FLAT}, "singular"),
        )
    ),
    *(
        Drive(method, "/uploads", "/uploads", body, headers=headers, code=code)
        for method in ("PUT", "POST")
        for body, headers, code in (
            (b"", DICOM, "malformedBody"), (bytes(1024 * 1024 + 1), DICOM, "bodyTooLarge"),
            (b"{}", {"content-type": "application/json"}, "unsupportedMediaType"),
        )
    ),
]  # fmt: skip
# Of every route, or of every one with a body: tested below and on the way in (test_rest.py).
EVERYWHERE = {
    error.code
    for error in (AuditUnavailable, Busy, RateLimited, Forbidden, SidecarUnavailable, LongitudinalError)
}
# What the audit records without a patient.
ABOUT_NO_PATIENT = {
    ("GET", "/jobs/{job}"), ("DELETE", "/jobs/{job}"), ("POST", "/jobs/{job}/retry"), ("POST", "/index/pause"),
    ("POST", "/index/resume"),
}  # fmt: skip
OF_BODIES = {"malformedJson", "bodyTooLarge", "invalidRequest"}


@pytest.fixture
def served(served: Served) -> Served:
    admit(served)
    return served


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """For requests before which nothing is done: each is right or wrong whatever the others did."""
    served = Served(tmp_path_factory.mktemp("shared"))
    admit(served)
    yield served
    served.close()


def server_of(drive: Drive, request: pytest.FixtureRequest) -> Served:
    found = request.getfixturevalue("shared" if drive.before is nothing else "served")
    assert isinstance(found, Served)
    return found


@pytest.fixture(scope="module")
def routes(shared: Served) -> dict[tuple[str, str], Route]:
    return {(route.method, route.path): route for route in shared.router.routes}


def test_every_route_is_driven(routes: dict[tuple[str, str], Route]) -> None:
    assert sorted(routes) == sorted((drive.method, drive.route) for drive in SUCCESSES)


def test_every_declared_problem_is_driven(routes: dict[tuple[str, str], Route]) -> None:
    driven = {(drive.method, drive.route, drive.code) for drive in PROBLEMS}
    missing = []
    for (method, path), route in routes.items():
        of_bodies = (
            OF_BODIES
            if route.body is not None
            else {InvalidRequest.code}
            if route.query is not None
            else set()
        )
        for error in errors_of(route):
            codes = set(route.refusals) if issubclass(error, Refused) else {error.code}
            if not codes & (EVERYWHERE | of_bodies) and not any(
                (method, path, code) in driven for code in codes
            ):
                missing.append((method, path, error.code))
    assert missing == []


def test_a_handler_takes_the_names_of_its_path(routes: dict[tuple[str, str], Route]) -> None:
    for (_, path), route in routes.items():
        _, *names = inspect.signature(route.handler).parameters
        assert names == re.findall(r"{(\w+)}", path), path


@pytest.mark.parametrize("drive", SUCCESSES, ids=str)
def test_it_answers_as_declared(drive: Drive, request: pytest.FixtureRequest) -> None:
    answered, touched = drive.noted_on(server_of(drive, request))
    assert answered.status == answered.route.status
    is_about_somebody = answered.route.event.changes or answered.route.event == EventKind.READ
    if is_about_somebody and (drive.method, drive.route) not in ABOUT_NO_PATIENT:
        assert touched, "the audit would not know of whom"


@pytest.mark.parametrize("drive", PROBLEMS, ids=str)
def test_it_fails_as_declared(
    drive: Drive, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(points, "MAX_ANSWERS", 3)
    if drive.code == "tooManyJobs":
        monkeypatch.setattr(job_queue, "MOST_WAITING", 0)
    answered = drive.on(server_of(drive, request))
    assert (answered.json["code"], answered.json["detail"] != "") == (drive.code, True)


def test_every_body_and_query_is_checked_by_its_declaration(
    shared: Served, routes: dict[tuple[str, str], Route]
) -> None:
    for (method, path), route in routes.items():
        named = re.sub(r"{\w+}", "1.9", path)
        if route.body is not None:
            assert shared.ask(method, named, b'{"a": ').code == "malformedJson", path
            assert shared.ask(method, named, b" " * (4 * 1024 * 1024 + 1)).code == "bodyTooLarge", path
            wrong = shared.ask(method, named, {"nonsense": 1})
            assert (wrong.status, "/nonsense" in wrong.fields()) == (400, True), path
        if route.query is not None:
            wrong = shared.ask(method, named, query={"nonsense": 1})
            assert (wrong.status, "nonsense" in wrong.fields()) == (400, True), path


def test_without_its_index_every_route_says_so(shared: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """The documentation and the uploads need none, and a patient in memory is asked without it."""

    def gone() -> None:
        raise SidecarUnavailable("the disk is gone")

    monkeypatch.setattr(shared.readers, "connection", gone)
    for drive in SUCCESSES:
        needs_none = drive.route in (
            "",
            "/imaging/app",
            "/health/live",
            "/openapi.json",
            "/uploads",
            "/points/resolve",
            "/points/timeline",
            "/me",
            "/audit",
            "/grants",
            "/dicom-web/studies",
            "/dicom-web/series",
            "/dicom-web/instances",
        ) or drive.route.startswith("/docs")
        if needs_none or drive.before is not nothing:
            continue
        answered = drive.on(shared)
        assert answered.status == 503, drive
        said = answered.json["error"] if drive.route == "/health" else answered.json["detail"]
        assert "the disk is gone" in said, drive


TAGGED = (
    "/patients/{patient}", "/studies/{study}", "/series/{series}/stacks", "/instances/{instance}/header", "/places",
    "/places/{place}", "/transforms", "/exams", "/exams/{exam}", "/exams/{exam}/images", "/patients/{patient}/structures",
    "/patients/{patient}/relations", "/studies/{study}/relations",
)  # fmt: skip


@pytest.mark.parametrize("route", TAGGED)
def test_the_same_answer_is_sent_once(served: Served, route: str) -> None:
    drive = next(one for one in SUCCESSES if (one.method, one.route) == ("GET", route))
    path = drive.path.format(drive.before(served) or "")
    first = served.send("GET", path, query=drive.query).response
    tag = first.headers["ETag"]
    again = served.send("GET", path, query=drive.query, headers={"if-none-match": tag}).response
    assert (first.status, again.status, again.body, again.headers["ETag"]) == (200, 304, b"", tag)


@pytest.mark.parametrize("path", ["/patients/P", f"/studies/{FIRST}", f"/series/{FIRST}.1/stacks"])
def test_what_a_viewer_asks_for_twice_is_sent_once(served: Served, path: str) -> None:
    first = served.send("GET", path).response
    again = served.send("GET", path, headers={"if-none-match": first.headers["ETag"]}).response
    assert (first.status, again.status, again.body) == (200, 304, b"")
    served.store(
        *scan(FIRST, 1, SliceLocation=3, StudyDescription="other", SeriesDescription="x"),
        *scan("1.2.3.66", 6),
    )
    if path.startswith("/patients"):
        changed = served.send("GET", path, headers={"if-none-match": first.headers["ETag"]}).response
        assert changed.status == 200
