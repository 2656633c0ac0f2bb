"""A server with patients and callers whose rights differ, and the requests of ours about one of them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import requests

from tests.builders import as_file, classic
from tests.orthanc.access import Login, add_users, restricted, session_of
from tests.orthanc.server import OrthancServer, ServerSession
from tests.orthanc.test_transforms import fill, turned

Json = dict[str, Any]
UNKNOWN_ID = "-".join(["0123abcd"] * 5)
FORBIDDEN = (401, 403)
# Words of a request or of every answer that prove nothing.
_SHORT = 4


def study_of(patient: str, year: int, frame: str, **more: Any) -> list[bytes]:
    """A study of three slices; its words are those of its patient and year alone."""
    study = f"1.2.77.{ord(patient[-1])}.{year}"
    found = []
    for number in range(3):
        ds = classic(
            (-50, -50, 2 * number), Rows=100, Columns=100, PatientID=patient, PatientName=f"Name{patient}^Secret",
            StudyInstanceUID=study, SeriesInstanceUID=f"{study}.1", SOPInstanceUID=f"{study}.1.{number + 1}",
            FrameOfReferenceUID=frame, InstanceNumber=number + 1, StudyDate=f"{year}0101", StudyTime="120000",
            SeriesNumber=1, StudyDescription=f"Study of {patient} in {year}", Modality="MR",
            AccessionNumber=f"ACC{patient}{year}", **more,
        )  # fmt: skip
        ds.PixelData = bytes(2 * ds.Rows * ds.Columns)
        found.append(as_file(ds))
    return found


@dataclass(frozen=True)
class Known:
    """What belongs to a patient, or to a part of one, by the {names} of paths; `words` are what must not be told."""

    values: Mapping[str, str]
    frames: tuple[str, str]
    words: frozenset[str] = frozenset()

    def fill(self, path: str) -> str:
        return re.sub(r"{(\w+)}", lambda name: self.values.get(name[1], UNKNOWN_ID), path)


NOBODY_THERE = Known(
    {
        "patient": "NobodyX", "study": "1.2.77.9.9999", "series": "1.2.77.9.9999.1", "instance": "1.2.77.9.9999.1.1",
        "transform": "1.2.77.9.9999.9.2", "index": "0", "job": "0" * 32, "orthancPatient": UNKNOWN_ID,
        "orthancStudy": UNKNOWN_ID, "orthancSeries": UNKNOWN_ID, "orthancInstance": UNKNOWN_ID, "grant": "0" * 16,
        "exam": "RIS-NobodyX-1999", "image": "0" * 32, "frame": "1",
    },
    ("1.2.77.9.1", "1.2.77.9.2"),
)  # fmt: skip


@dataclass
class Ward:
    """A server with patients and callers."""

    server: OrthancServer
    known: dict[str, Known] = field(default_factory=dict)
    callers: dict[str, ServerSession] = field(default_factory=dict)

    def words_hidden_from(self, caller: str) -> set[str]:
        return {word for name, one in self.known.items() if name not in SEES[caller] for word in one.words}


SEES = {
    "admin": {"PatA", "PatB", "PatC", "PatC hidden"},
    "viewer of A": {"PatA"},
    "reviewer of B": {"PatB"},
    "viewer of a study of C": {"PatC"},
    "uploader of A": set(),
    "auditor": set(),
    "no role": set(),
    "nobody": set(),
    "expired": set(),
    "forged": set(),
}
HAS_ROLE = ("admin", "viewer of A", "reviewer of B", "viewer of a study of C", "uploader of A", "auditor")
VIEWERS = ("viewer of A", "reviewer of B", "viewer of a study of C")


def ward_server(folder: Path, login: Login) -> OrthancServer:
    """A server with rules for the callers, not started."""
    configuration = restricted(
        {"Users": ["vera"], "Roles": ["viewer"], "Patients": ["PatA"]},
        {"Users": ["rene"], "Roles": ["reviewer"], "Patients": ["PatB"]},
        {"Users": ["carl"], "Roles": ["viewer"], "Studies": ["1.2.77.67.2020"]},
        {"Users": ["ulla"], "Roles": ["uploader"], "Patients": ["PatA"]},
        {"Users": ["otto"], "Roles": ["auditor"]},
        Tokens=login.settings, ServiceAccounts=["proxy"], BreakGlass={"Roles": ["reviewer"]},
    )  # fmt: skip
    configuration["Longitudinal"]["AlignOnArrival"] = False
    server = OrthancServer(folder, configuration=configuration)
    add_users(server, "vera", "rene", "carl", "ulla", "otto", "nora", "proxy")
    return server


def filled(ward: Ward, login: Login) -> Ward:
    server = ward.server
    for patient in ("PatA", "PatB", "PatC"):
        frames = (f"1.2.78.{ord(patient[-1])}.1", f"1.2.78.{ord(patient[-1])}.2")
        fill(server, study_of(patient, 2020, frames[0]), study_of(patient, 2021, frames[1]))
        given = server.session.post(
            "/imaging/transforms",
            json={
                "sourceFrameOfReferenceUid": frames[1], "targetFrameOfReferenceUid": frames[0], "matrix": turned().tolist(),
                "expectedErrorMm": 1.0,
            },
        )  # fmt: skip
        assert given.status_code == 201, given.text
        ward.known[patient] = known_of(server, patient, 2020, frames, given.json())
        ward.known[f"{patient} hidden"] = known_of(server, patient, 2021, frames, given.json())
    # what is seen of C is one study; the rest of C, with the transform in it, is a secret like another patient
    whole, rest = ward.known["PatC"], ward.known["PatC hidden"]
    of_nobody = {"patient": "NobodyX", "orthancPatient": UNKNOWN_ID}  # the patient as such is seen
    frames = (NOBODY_THERE.frames[0], rest.frames[1])
    ward.known["PatC hidden"] = Known({**rest.values, **of_nobody}, frames, rest.words - whole.words)
    ward.known["PatC"] = Known({**whole.values, "transform": "1.2.77.9.9999.9.2"}, whole.frames, whole.words)
    for name in ("PatA", "PatB"):
        both = ward.known.pop(f"{name} hidden")
        ward.known[name] = Known(ward.known[name].values, both.frames, ward.known[name].words | both.words)
    proxied = session_of(server, "proxy")
    proxied.headers["X-Imaging-Token"] = login.token("vera", exp=1)
    forged = session_of(server, "proxy")
    forged.headers["X-Imaging-Token"] = Login(server.folder / "another").token("vera")
    ward.callers |= {
        "admin": server.session, "viewer of A": session_of(server, "vera"), "reviewer of B": session_of(server, "rene"),
        "viewer of a study of C": session_of(server, "carl"), "uploader of A": session_of(server, "ulla"),
        "auditor": session_of(server, "otto"), "no role": session_of(server, "nora"), "nobody": session_of(server, None),
        "expired": proxied, "forged": forged,
    }  # fmt: skip
    return ward


def known_of(
    server: OrthancServer, patient: str, year: int, frames: tuple[str, str], transform: Json
) -> Known:
    """The identifiers of a study, and every word that tells of it or of its patient."""
    uid = f"1.2.77.{ord(patient[-1])}.{year}"
    ids = {one["Type"]: one["ID"] for one in server.session.post("/tools/lookup", data=uid).json()}
    study = server.session.get(f"/studies/{ids['Study']}").json()
    series = server.session.get(f"/studies/{ids['Study']}/series").json()
    (images,) = [one for one in series if one["MainDicomTags"]["SeriesInstanceUID"] == f"{uid}.1"]
    (job,) = server.session.post(f"/imaging/studies/{uid}/index").json()["jobs"]
    exam = f"RIS-{patient}-{year}"
    linked = server.session.post(f"/imaging/exams/{exam}/images", json={"studyInstanceUid": uid})
    assert linked.status_code == 200, linked.text
    values = {
        "patient": patient, "study": uid, "series": f"{uid}.1", "instance": f"{uid}.1.1", "index": "0",
        "transform": transform["id"], "job": job["id"], "grant": "1" * 16, "orthancPatient": study["ParentPatient"],
        "orthancStudy": ids["Study"], "orthancSeries": images["ID"], "orthancInstance": images["Instances"][0],
        "exam": exam, "image": linked.json()["image"]["id"], "frame": "1",
    }  # fmt: skip
    registrations = {
        id_
        for one in series
        for id_ in (one["ID"], *one["Instances"], one["MainDicomTags"]["SeriesInstanceUID"])
    }
    of_patient = {patient, f"Name{patient}", study["ParentPatient"]}
    of_study = {
        uid,
        f"Study of {patient} in {year}",
        f"ACC{patient}{year}",
        frames[year - 2020],
        values["exam"],
        values["image"],
        *registrations,
    }
    of_study |= {f"{uid}.1.{number}" for number in (1, 2, 3)} | (
        {transform["id"], transform["sopInstanceUid"]} if year == 2021 else set()
    )
    return Known(values, frames, frozenset({*of_patient, *of_study, job["id"]}))


def bodies_of(one: Known) -> dict[tuple[str, str], list[Json | None]]:
    """A body for each route that takes one; others are sent an empty object."""
    values, (first, second) = one.values, one.frames
    click = {"sopInstanceUid": values["instance"], "row": 10, "column": 10}
    point = {"patientId": values["patient"], "frameOfReferenceUid": first, "x": 1, "y": 2, "z": 2}
    given = {
        "sourceFrameOfReferenceUid": second,
        "targetFrameOfReferenceUid": first,
        "matrix": np.eye(4).tolist(),
    }
    return {
        ("POST", "/points/resolve"): [click, point, {"points": [click, point]}, {**click, "refine": True}],
        ("POST", "/points/timeline"): [click, point],
        ("POST", "/points/map"): [
            {"patientId": values["patient"], "sourceFrameOfReferenceUid": first, "targetFrameOfReferenceUid": second,
             "points": [[0, 0, 0]]},
            {"sourceFrameOfReferenceUid": first, "targetFrameOfReferenceUid": second, "points": [[0, 0, 0]]},
        ],
        ("POST", "/transforms"): [given, {**given, "patientId": values["patient"]}],
        ("POST", "/transforms/fit"): [given],
        ("POST", "/transforms/{transform}/review"): [{"decision": "accepted"}],
        ("POST", "/alignments"): [{"patientId": values["patient"]}, {"studyInstanceUids": [values["study"]]}],
        ("POST", "/index"): [{"patientId": values["patient"]}, {"studyInstanceUids": [values["orthancStudy"]]}],
        # Whether the name of an exam is taken is told to whoever may declare one: without a patient it is not asked here.
        ("PUT", "/exams/{exam}"): [{"patientId": values["patient"]}],
        ("POST", "/exams/{exam}/images"): [{"sopInstanceUid": values["instance"]}, {"studyInstanceUid": values["study"]}],
        ("POST", "/grants"): [
            {"patientId": values["patient"], "user": "vera", "until": "2999-01-01T00:00:00Z", "reason": "a test"},
        ],
    }  # fmt: skip


QUERIES: dict[str, list[dict[str, str]]] = {
    "/transforms": [{"patientId": "{patient}"}, {"patientId": "{orthancPatient}"}],
    "/studies": [{"patientId": "{patient}"}, {}],
    "/exams": [{"patientId": "{patient}"}, {"patientId": "{orthancPatient}"}, {}],
    "/patients": [{"query": "{patient}"}, {}],
    "/dicom-web/studies": [
        {},
        {"PatientID": "{patient}"},
        {"StudyInstanceUID": "{study}"},
        {"0020000D": "{study}"},
    ],
    "/dicom-web/series": [{}, {"StudyInstanceUID": "{study}"}, {"SeriesInstanceUID": "{series}"}],
    "/dicom-web/instances": [{}, {"SOPInstanceUID": "{instance}"}, {"includefield": "all"}],
    "/dicom-web/studies/{study}/series": [{}, {"StudyInstanceUID": "{study}"}, {"includefield": "all"}],
}


@dataclass(frozen=True)
class Cell:
    """A request about a patient."""

    method: str
    route: str
    path: str
    query: dict[str, str]
    body: Json | None

    def send(self, session: requests.Session) -> requests.Response:
        return session.request(
            self.method, self.path, params=self.query, json=self.body, allow_redirects=False
        )

    def normal(self, answer: requests.Response, one: Known) -> tuple[int, str]:
        """Status and body of an answer, without what the request itself said."""
        text = re.sub(r',?"requestId":"[^"]*"', "", answer.text) + answer.headers.get("Location", "")
        for value in sorted({*one.values.values(), *one.frames, UNKNOWN_ID}, key=len, reverse=True):
            if len(value) >= _SHORT:
                text = text.replace(value, "ID")
        return answer.status_code, text


def ours(document: Json, one: Known) -> list[Cell]:
    """Every route of ours about somebody; what changes something comes last."""
    found = []
    bodies = bodies_of(one)
    for route, operations in document["paths"].items():
        for method, operation in operations.items():
            takes_json = "application/json" in operation.get("requestBody", {}).get("content", {})
            asked = bodies.get((method.upper(), route), [{}]) if takes_json else [None]
            variants = [one] if "orthanc" in route else [one, by_orthanc_id(one)]
            for variant in variants if "{" in route else [one]:
                for body in asked:
                    for query in QUERIES.get(route, [{}]):
                        filled_query = {name: one.fill(value) for name, value in query.items()}
                        path = "/imaging" + variant.fill("" if route == "/" else route)
                        found.append(Cell(method.upper(), route, path, filled_query, body))
    order = {"GET": 0, "POST": 1, "PUT": 2, "DELETE": 3}
    return sorted(found, key=lambda cell: order[cell.method])


def by_orthanc_id(one: Known) -> Known:
    names = {
        name: one.values[f"orthanc{name.capitalize()}"] for name in ("patient", "study", "series", "instance")
    }
    return Known({**one.values, **names}, one.frames)


def assert_tells_nothing(ward: Ward, caller: str, cell: str, answer: requests.Response, asked: str) -> None:
    """No word of an answer, or of its headers, tells of anybody hidden, but for what the request itself said."""
    told = answer.text + " ".join(f"{name}: {value}" for name, value in answer.headers.items())
    leaked = {word for word in ward.words_hidden_from(caller) if word in told and word not in asked}
    # a UID that is the beginning of one that may be seen proves nothing
    leaked = {word for word in leaked if re.search(rf"(?<![0-9.]){re.escape(word)}(?![0-9.])", told)}
    assert not leaked, (caller, cell, leaked)
